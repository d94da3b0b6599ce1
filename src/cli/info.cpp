#include <fmt/format.h>

#include "cli/models.h"
#include "cli/program_facts.h"
#include "hub/model_types.h"

namespace burin::cli {
namespace {

void print(Context& context, const Json& data) {
  const auto line = [&](std::string_view label, const std::string& value) {
    context.output.print_untrusted(fmt::format("{:<14}{}\n", label, value));
  };
  const Json& backend = data["backends"][0];
  line("burin", data["cli_version"]);
  line("models", data["model_home"]);
  line("cache", data["hub_cache"]);
  line("state", data["state_dir"]);
  line("config", data["config_file"]);
  line("memory", size_text(context.environment.memory_total_bytes));
  line("backend", backend["available"].get<bool>() ? backend["version"].get<std::string>()
                                                   : "mlx: " + backend["reason"].get<std::string>());
  const Json details = backend.value("details", Json::object());
  for (const auto& [key, value] : details.items()) {
    line(key, value.is_string() ? value.get<std::string>() : dump_json(value));
  }
  std::string types;
  for (const std::string& type : hub::supported_model_types()) {
    types += (types.empty() ? "" : ", ") + type;
  }
  line("architectures", types);
}

Json run(Context& context) {
  Json data = program_facts(context);
  if (!context.output.is_json()) {
    print(context, data);
  }
  return data;
}

}  // namespace

extern const Command info_command{
    .name = "info",
    .summary = "show folders, backends and devices in use",
    .examples = {{.line = "burin info", .what = "where models lie and what runs them"}},
    .run = run,
};

}  // namespace burin::cli
