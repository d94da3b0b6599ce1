#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>

#include <fmt/format.h>

#include "base/file.h"
#include "cli/context.h"
#include "cli/settings.h"

namespace burin::cli {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMaxConfig = uint64_t{1} << 20;

const fs::path& file_of(const Context& context) {
  if (context.environment.config_file.empty()) {
    throw Error(ErrorCode::InvalidArgument, "config", "there is no place for config.toml")
        .hint("set HOME or XDG_CONFIG_HOME");
  }
  return context.environment.config_file;
}

/** Kept by one process at a time while it reads and writes the file; a folder that cannot be locked is not. */
class FolderLock {
 public:
  explicit FolderLock(const fs::path& folder) : fd_(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    if (fd_ >= 0) {
      ::flock(fd_, LOCK_EX);
    }
  }
  ~FolderLock() {
    if (fd_ >= 0) {
      ::close(fd_);
    }
  }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int fd_;
};

/** Reads the file, lets `edit` change the text, and puts it in place in one step; links and permissions stay. */
template <typename Edit>
void edit_file(const Context& context, Edit edit) {
  std::error_code error;
  const fs::path folder = file_of(context).parent_path();
  fs::create_directories(folder, error);
  if (error) {
    throw Error(ErrorCode::Permission, "config", "cannot make the folder of config.toml: " + error.message());
  }
  const FolderLock lock(folder);
  const fs::path file = fs::weakly_canonical(file_of(context), error);
  const bool exists = fs::exists(file, error);
  const std::string before = exists ? read_file(file, kMaxConfig) : "";
  const std::string after = edit(before);
  if (after == before) {
    return;
  }
  const fs::perms mode = exists ? fs::status(file, error).permissions() : fs::perms::none;
  write_file_atomic(file, after);
  if (exists) {
    fs::permissions(file, mode, error);
  }
}

std::string plain(const Json& value) {
  return value.is_null() ? "" : value.is_string() ? value.get<std::string>() : dump_json(value);
}

Json describe(const SettingKey& key, const Settings& settings) {
  const Option& option = *key.options.front();
  const Setting setting = settings.find(key.table, option);
  return {{"key", key.text()},
          {"value", setting_json(option, setting.values)},
          {"source", to_string(setting.source)},
          {"where", setting.where.empty() ? Json(nullptr) : Json(setting.where)}};
}

/** A list of texts in TOML. */
std::string toml_list(const std::string& key, const std::string& value) {
  const Error bad = Error(ErrorCode::InvalidArgument, "config", key + ": " + value + " is not a list of texts")
                        .hint(R"(write ["one", "two"])");
  try {
    const std::vector<ConfigEntry> entries = parse_config("value = " + value);
    if (entries.size() == 1 && entries.front().list && entries.front().kind == ConfigKind::Text) {
      return value;
    }
  } catch (const Error&) {
    throw bad;
  }
  throw bad;
}

/** VALUE as TOML, checked against every option that the key stands for. */
std::string toml_value(const SettingKey& key, const std::string& value) {
  const Option& option = *key.options.front();
  const std::string what = key.text();
  if (option.repeatable && value.starts_with('[')) {
    return toml_list(what, value);
  }
  for (const Option* each : key.options) {
    check_value(*each, value, what);
  }
  switch (option.kind) {
    case ValueKind::Flag:
      return value;
    case ValueKind::Integer:
      return std::to_string(parse_integer(value, what));
    case ValueKind::Number:
      return fmt::format("{}", parse_number(value, what));
    case ValueKind::Text:
    case ValueKind::Choice:
      break;
  }
  return toml_quoted(value);
}

Json list(Context& context) {
  const Settings settings(context.environment);
  Json shown = Json::array();
  std::string text;
  for (const SettingKey& key : setting_keys()) {
    Json setting = describe(key, settings);
    const bool set = setting["source"] != to_string(Source::Default);
    if (set || (context.arguments.has("--all") && key.table != "default")) {
      const std::string value = setting["value"].is_null() ? "(none)" : dump_json(setting["value"]);
      text += fmt::format("{:<36} {:<20} {}\n", key.text(), value, set ? plain(setting["where"]) : "default");
      shown.push_back(std::move(setting));
    }
  }
  Json problems = Json::array();
  for (const Error& problem : settings.problems()) {
    problems.push_back({{"message", problem.message()}, {"hint", problem.hint()}});
  }
  if (!context.output.is_json()) {
    context.output.print_untrusted(text);
    if (shown.empty() && settings.problems().empty()) {
      context.output.note("nothing is set; `burin config list --all` shows what can be");
    }
    for (const Error& problem : settings.problems()) {
      context.output.note("problem: " + problem.message() + (problem.hint().empty() ? "" : "; " + problem.hint()));
    }
  }
  return {{"path", file_of(context).string()}, {"settings", std::move(shown)}, {"problems", std::move(problems)}};
}

Json get(Context& context) {
  const SettingKey& key = find_setting_key(context.arguments.text("KEY"));
  const Settings settings(context.environment);
  settings.check_keys();
  Json data = describe(key, settings);
  if (!context.output.is_json() && !data["value"].is_null()) {
    context.output.print_untrusted(plain(data["value"]) + "\n");
  }
  return data;
}

Json set(Context& context) {
  const SettingKey& key = find_setting_key(context.arguments.text("KEY"));
  const std::string value = toml_value(key, context.arguments.text("VALUE"));
  edit_file(context, [&](const std::string& text) { return with_entry(text, key.table, key.name, value); });
  const Json data = describe(key, Settings(context.environment));
  if (!context.output.is_json()) {
    context.output.print_untrusted(fmt::format("{} = {}\n", key.text(), value));
    if (data["source"] == to_string(Source::Environment)) {
      context.output.note(fmt::format("{} is in the environment and comes first", plain(data["where"])));
    }
  }
  return data;
}

Json unset(Context& context) {
  const std::string key = context.arguments.text("KEY");
  const size_t dot = key.find('.');
  const std::string table = dot == std::string::npos ? "" : key.substr(0, dot);
  const std::string name = dot == std::string::npos ? key : key.substr(dot + 1);
  bool found = false;
  edit_file(context, [&](const std::string& text) {
    std::string after = without_entry(text, table, name);
    found = after != text;
    return after;
  });
  if (!found) {
    find_setting_key(key);  // a mistyped key is told first
    throw Error(ErrorCode::NotFound, "config", key + " is not set in config.toml")
        .hint("`burin config list` shows what is");
  }
  return {{"key", key}};
}

Json path(Context& context) {
  const fs::path& file = file_of(context);
  if (!context.output.is_json()) {
    context.output.print_untrusted(file.string() + "\n");
  }
  std::error_code ignored;
  return {{"path", file.string()}, {"exists", fs::exists(file, ignored)}};
}

/** One word after `burin config`. */
struct Action {
  std::string_view name;
  size_t words = 0;  // how many of KEY and VALUE it takes
  Json (*run)(Context& context) = nullptr;
};

constexpr std::array kActions{Action{"get", 1, get}, Action{"list", 0, list}, Action{"path", 0, path},
                              Action{"set", 2, set}, Action{"unset", 1, unset}};

Json run(Context& context) {
  const Arguments& arguments = context.arguments;
  const auto action = std::ranges::find(kActions, arguments.text("ACTION"), &Action::name);
  BURIN_CHECK(action != kActions.end());
  const size_t given = (arguments.has("KEY") ? 1U : 0U) + (arguments.has("VALUE") ? 1U : 0U);
  if (given != action->words) {
    constexpr std::array<std::string_view, 3> kTakes{"takes no KEY", "takes a KEY", "takes a KEY and a VALUE"};
    throw Error(ErrorCode::InvalidArgument, "config", fmt::format("{} {}", action->name, kTakes.at(action->words)))
        .hint("`burin help config` shows examples");
  }
  return action->run(context);
}

}  // namespace

extern const Command config_command{
    .name = "config",
    .summary = "show and change the settings that stand for options",
    .positionals = {{.name = "ACTION", .help = "get, set, unset, list or path", .choices = "get|set|unset|list|path"},
                    {.name = "KEY", .help = "COMMAND.OPTION, or default.OPTION for every command", .required = false},
                    {.name = "VALUE", .help = "the value; a list as [\"a\", \"b\"]", .required = false}},
    .options = {{.name = "--all", .help = "list what can be set, with its default"}},
    .examples = {{.line = "burin config set run.temperature 0.7",
                  .what = "for every `burin run` without --temperature"},
                 {.line = "burin config set default.threads 4", .what = "for every command that has --threads"},
                 {.line = "burin config list", .what = "what is set, and where: BURIN_RUN_TEMPERATURE, config.toml:2"},
                 {.line = "burin config unset run.temperature", .what = "the program's own default again"}},
    .run = run,
};

}  // namespace burin::cli
