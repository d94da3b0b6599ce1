#include <unistd.h>

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/system_facts.h"
#include "cli/models.h"
#include "cli/program_facts.h"
#include "cli/settings.h"
#include "hub/health.h"
#include "hub/nearest.h"

namespace burin::cli {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kLittleMemory = uint64_t{1} << 30;
constexpr uint64_t kLittleDisk = uint64_t{2} << 30;

enum class Status { Ok, Warn, Fail };

/** One line of the report; the hint names the command or the step that helps. */
struct Check {
  std::string name;
  Status status = Status::Ok;
  std::string value;
  std::string hint;
};

std::string_view text(Status status) {
  return status == Status::Ok ? "ok" : status == Status::Warn ? "warn" : "fail";
}

std::string join(const std::vector<std::string>& words, std::string_view separator = ", ") {
  return fmt::format("{}", fmt::join(words, separator));
}

Check check_blas(const std::string& library) {
  constexpr std::array<std::string_view, 4> kFast{"openblas", "Accelerate", "mkl", "blis"};
  const bool fast =
      std::ranges::any_of(kFast, [&](std::string_view name) { return library.find(name) != library.npos; });
  return fast ? Check{"blas", Status::Ok, library, ""}
              : Check{"blas", Status::Warn, library + ", a slow reference library",
                      "install OpenBLAS (Debian: apt-get install libopenblas0), then run ./dev build again"};
}

Check check_kernels(const std::string& isa, const CpuFacts& cpu) {
  if (isa != "scalar") {
    return {"kernels", Status::Ok, isa, ""};
  }
  const bool fast = std::ranges::any_of(
      cpu.features, [](const std::string& feature) { return feature == "avx2" || feature == "asimddp"; });
  return {"kernels", Status::Warn, "scalar, many times slower than with vector instructions",
          fast ? "this CPU has faster ones: build burin for it with ./dev build release"
               : "burin has fast kernels for CPUs with AVX2, FMA and F16C, or with arm64's dot products only"};
}

void check_backends(const Json& facts, const CpuFacts& cpu, std::vector<Check>& checks) {
  for (const Json& backend : facts["backends"]) {
    const std::string name = "backend " + backend["name"].get<std::string>();
    if (!backend["available"].get<bool>()) {
      checks.push_back({name, Status::Fail, backend["reason"], backend["hint"]});
      continue;
    }
    checks.push_back({name, Status::Ok, backend["version"], ""});
    const Json& details = backend["details"];
    if (details.contains("device")) {
      checks.push_back({"device", Status::Ok, details["device"], ""});
    }
    if (details.contains("blas")) {
      checks.push_back(check_blas(details["blas"]));
    }
    if (details.contains("isa")) {
      checks.push_back(check_kernels(details["isa"], cpu));
    }
  }
}

Check check_libraries(const Json& libraries) {
  std::vector<std::string> list;
  for (const auto& [name, version] : libraries.items()) {
    list.push_back(name + " " + version.get<std::string>());
  }
  return {"libraries", Status::Ok, join(list), ""};
}

Check check_memory() {
  const MemoryFacts memory = memory_facts();
  if (memory.total_bytes == 0) {
    return {"memory", Status::Warn, "unknown", ""};
  }
  std::string value =
      fmt::format("{} of {} available", size_text(memory.available_bytes), size_text(memory.total_bytes));
  uint64_t usable = memory.available_bytes;
  if (memory.group_limit_bytes && *memory.group_limit_bytes < memory.total_bytes) {
    value += fmt::format(", this control group may use {}", size_text(*memory.group_limit_bytes));
    usable = std::min(usable, *memory.group_limit_bytes);
  }
  return usable < kLittleMemory
             ? Check{"memory", Status::Warn, value, "end other programs, or choose a model of some hundred megabytes"}
             : Check{"memory", Status::Ok, value, ""};
}

Check check_model_home(const fs::path& folder) {
  if (folder.empty()) {
    return {"model home", Status::Fail, "there is none", "set HOME or BURIN_MODELS"};
  }
  const FolderFacts facts = folder_facts(folder);
  const std::string value = fmt::format("{}, {} free", folder.string(), size_text(facts.free_bytes));
  if (facts.exists && !facts.is_folder) {
    return {"model home", Status::Fail, folder.string() + " is no folder", "set BURIN_MODELS to a folder"};
  }
  if (!facts.writable) {
    return {"model home", Status::Warn, value + ", not writable",
            "models can be run but not imported; set BURIN_MODELS"};
  }
  if (facts.free_bytes < kLittleDisk) {
    return {"model home", Status::Warn, value, "there is little room for models: set BURIN_MODELS to another disk"};
  }
  return {"model home", Status::Ok, facts.exists ? value : value + ", made by the first import", ""};
}

Check check_hub_cache(const fs::path& folder) {
  const FolderFacts facts = folder_facts(folder);
  if (facts.exists && !facts.is_folder) {
    return {"hub cache", Status::Warn, folder.string() + " is no folder", "set HF_HUB_CACHE to a folder"};
  }
  return {"hub cache", Status::Ok,
          facts.exists ? fmt::format("{}, {} free", folder.string(), size_text(facts.free_bytes))
                       : folder.string() + ", not there: nothing was downloaded yet",
          ""};
}

Check check_starter(const Environment& environment) {
  const fs::path dir = environment.paths.model_home / "starter";
  if (!folder_facts(dir).is_folder) {
    return {"starter model", Status::Warn, "not there",
            "./dev setup brings it, or `burin import FILE.gguf --name starter`"};
  }
  const hub::HealthReport health = hub::check_health(hub::ModelFolder(dir));
  return health.healthy() ? Check{"starter model", Status::Ok, "healthy", ""}
                          : Check{"starter model", Status::Warn, "damaged: " + health.reason(),
                                  "`burin import FILE.gguf --name starter --force` makes it anew"};
}

Check check_terminal(const Environment& environment) {
  if (!environment.stdout_terminal) {
    return {"terminal", Status::Ok, "stdout is none: no colours, no progress", ""};
  }
  const auto term = environment.variables.find("TERM");
  const bool plain = environment.dumb_terminal || environment.no_color;
  return {"terminal", Status::Ok,
          fmt::format("{}, {} columns, {}", term == environment.variables.end() ? "TERM is not set" : term->second,
                      terminal_columns(STDOUT_FILENO), plain ? "no colours" : "colours"),
          ""};
}

Check check_config(const Environment& environment, const Settings& settings) {
  std::error_code ignored;
  const std::string file = environment.config_file.string();
  if (const auto& problems = settings.problems(); !problems.empty()) {
    const Error& first = problems.front();
    const std::string more = problems.size() > 1 ? fmt::format(", and {} more", problems.size() - 1) : "";
    return {"config", Status::Fail, first.message() + more,
            first.hint().empty() ? "`burin config list` shows where it is set"
                                 : fmt::format("{} ({})", first.hint(), file)};
  }
  return {"config", Status::Ok, fs::exists(environment.config_file, ignored) ? file : file + ", not there", ""};
}

bool stands_for_option(const std::string& variable) {
  return std::ranges::any_of(setting_keys(),
                             [&](const SettingKey& key) { return variable_name(key.table, key.name) == variable; });
}

/** NAME=value, but never a secret. */
std::string shown(const std::string& name, const std::string& value) {
  const bool secret = name.ends_with("TOKEN") || name.ends_with("KEY");
  return name + "=" + (secret ? "(hidden)" : value);
}

Check check_variables(const hub::Variables& variables) {
  std::vector<std::string> known;
  std::vector<std::string> set;
  std::vector<std::string> unknown;
  for (const KnownVariable& variable : known_variables()) {
    known.emplace_back(variable.name);
  }
  for (const auto& [name, value] : variables) {
    const bool honoured = std::ranges::find(known, name) != known.end() || stands_for_option(name);
    if (honoured) {
      set.push_back(shown(name, value));
    } else if (name.starts_with("BURIN_")) {
      unknown.push_back(name);
    }
  }
  if (unknown.empty()) {
    return {"environment", Status::Ok, set.empty() ? "nothing is set" : join(set, " "), ""};
  }
  for (const SettingKey& key : setting_keys()) {
    known.push_back(variable_name(key.table, key.name));
  }
  const std::vector<std::string> near = hub::nearest_names(unknown.front(), known, 1);
  return {"environment", Status::Warn, join(unknown) + " means nothing to burin",
          near.empty() ? "`burin config list --all` shows what can be set" : "did you mean " + near.front() + "?"};
}

std::vector<Check> all_checks(const Context& context) {
  const Environment& environment = context.environment;
  const Json facts = program_facts(context);
  const CpuFacts cpu = cpu_facts();
  std::vector<Check> checks{{"burin", Status::Ok, facts["cli_version"], ""}};
  check_backends(facts, cpu, checks);
  checks.push_back(check_libraries(facts["libraries"]));
  checks.push_back(
      {"cpu", Status::Ok, fmt::format("{}, {} threads; {}", cpu.model, cpu.threads, join(cpu.features, " ")), ""});
  checks.push_back(check_memory());
  checks.push_back(check_model_home(environment.paths.model_home));
  checks.push_back(check_hub_cache(environment.paths.hub_cache));
  checks.push_back(check_starter(environment));
  checks.push_back(check_terminal(environment));
  checks.push_back(check_config(environment, Settings(environment)));
  checks.push_back(check_variables(environment.variables));
  return checks;
}

Json run(Context& context) {
  Json list = Json::array();
  std::string lines;
  for (const Check& check : all_checks(context)) {
    list.push_back({{"name", check.name}, {"status", text(check.status)}, {"value", check.value}});
    lines += fmt::format("{:<5} {:<14} {}\n", text(check.status), check.name, check.value);
    if (!check.hint.empty()) {
      list.back()["hint"] = check.hint;
      lines += fmt::format("{:<20} -> {}\n", "", check.hint);
    }
    if (check.status == Status::Fail) {
      context.exit_status = traits(ErrorCode::Internal).exit_status;
    }
  }
  if (!context.output.is_json()) {
    context.output.print_untrusted(lines);
  }
  return {{"checks", std::move(list)}};
}

}  // namespace

extern const Command doctor_command{
    .name = "doctor",
    .summary = "check what burin needs on this machine, and say how to get what is missing",
    .examples = {{.line = "burin doctor", .what = "exit status 1 when a check fails; warnings are no failure"},
                 {.line = "burin doctor --json", .what = "for a report of a problem"}},
    .run = run,
};

}  // namespace burin::cli
