#include "cli/settings.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "base/file.h"
#include "hub/nearest.h"

namespace burin::cli {
namespace {

constexpr std::string_view kEveryCommand = "default";
constexpr uint64_t kMaxConfig = uint64_t{1} << 20;

std::string name_of(const Option& option) {
  return std::string(option.name.substr(2));
}

std::vector<SettingKey> make_keys() {
  std::map<std::string, SettingKey> shared;
  std::vector<SettingKey> keys;
  for (const Command* command : commands()) {
    for (const Option& option : command->options) {
      if (is_setting(option)) {
        const std::string name = name_of(option);
        keys.push_back({.table = full_name(*command), .name = name, .options = {&option}});
        SettingKey& all = shared[name];
        all.table = kEveryCommand;
        all.name = name;
        all.options.push_back(&option);
      }
    }
  }
  std::vector<SettingKey> result;
  result.reserve(shared.size() + keys.size());
  for (auto& [name, key] : shared) {
    result.push_back(std::move(key));
  }
  result.insert(result.end(), keys.begin(), keys.end());
  return result;
}

std::string where_of(const ConfigEntry& entry) {
  return fmt::format("config.toml:{}", entry.line);
}

std::string key_of(const ConfigEntry& entry) {
  return entry.table.empty() ? entry.name : entry.name.empty() ? entry.table : entry.table + "." + entry.name;
}

std::string_view kind_text(const Option& option) {
  return option.kind == ValueKind::Flag      ? "true or false"
         : option.kind == ValueKind::Integer ? "an integer"
         : option.kind == ValueKind::Number  ? "a number"
         : option.repeatable                 ? "text, or a list of texts"
                                             : "text, between quotes";
}

bool fits(const Option& option, const ConfigEntry& entry) {
  if (entry.list && !option.repeatable) {
    return false;
  }
  switch (option.kind) {
    case ValueKind::Flag:
      return entry.kind == ConfigKind::Flag;
    case ValueKind::Integer:
      return entry.kind == ConfigKind::Integer;
    case ValueKind::Number:
      return entry.kind == ConfigKind::Integer || entry.kind == ConfigKind::Number;
    case ValueKind::Text:
    case ValueKind::Choice:
      break;
  }
  return entry.kind == ConfigKind::Text;
}

Error bad_entry(const ConfigEntry& entry, const std::string& what) {
  return Error(ErrorCode::InvalidArgument, "config", fmt::format("{}: {}{}", where_of(entry), key_of(entry), what))
      .fact("file", "config.toml")
      .fact("line", std::to_string(entry.line))
      .fact("key", key_of(entry));
}

/** Throws: InvalidArgument, naming file, line and key. */
void check_entry(const Option& option, const ConfigEntry& entry) {
  const std::string hint = fmt::format("`burin config unset {}` takes it out", key_of(entry));
  if (!fits(option, entry)) {
    throw bad_entry(entry, fmt::format(" must be {}", kind_text(option))).hint(hint);
  }
  for (const std::string& value : entry.values) {
    try {
      check_value(option, value, "");
    } catch (const Error& error) {
      throw bad_entry(entry, error.message()).hint(hint);
    }
  }
}

Error unknown_key(const std::string& key) {
  std::vector<std::string> names;
  for (const SettingKey& known : setting_keys()) {
    names.push_back(known.text());
  }
  const std::vector<std::string> near = hub::nearest_names(key, names, 1);
  return Error(ErrorCode::InvalidArgument, "config", fmt::format("\"{}\" is no setting", key))
      .hint(near.empty() ? "`burin config list --all` shows them" : fmt::format("did you mean {}?", near.front()));
}

bool is_known_table(const std::string& name) {
  return std::ranges::find(setting_keys(), name, &SettingKey::table) != setting_keys().end();
}

const SettingKey* known_key(std::string_view key) {
  const auto it = std::ranges::find(setting_keys(), key, &SettingKey::text);
  return it == setting_keys().end() ? nullptr : &*it;
}

Error with_line(const ConfigEntry& entry, const Error& error) {
  return Error(error.code(), "config", fmt::format("{}: {}", where_of(entry), error.message()))
      .hint(error.hint())
      .fact("file", "config.toml")
      .fact("line", std::to_string(entry.line))
      .fact("key", key_of(entry));
}

}  // namespace

std::string_view to_string(Source source) {
  return source == Source::Environment ? "env" : source == Source::File ? "file" : "default";
}

bool is_setting(const Option& option) {
  const bool lasting = option.kind == ValueKind::Flag ? option.configurable : option.value_name != "FILE";
  return lasting && !option.required && !option.hidden;
}

const std::vector<SettingKey>& setting_keys() {
  static const std::vector<SettingKey> kKeys = make_keys();
  return kKeys;
}

const SettingKey& find_setting_key(std::string_view key) {
  if (const SettingKey* known = known_key(key)) {
    return *known;
  }
  throw unknown_key(std::string(key));
}

std::string variable_name(std::string_view table, std::string_view option) {
  std::string name =
      fmt::format("BURIN_{}{}{}", table == kEveryCommand ? "" : table, table == kEveryCommand ? "" : "_", option);
  for (char& c : name) {
    c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c == '-' || c == ':' ? '_' : c;
  }
  return name;
}

Settings::Settings(const Environment& environment) : variables_(environment.variables) {
  std::error_code ignored;
  if (!environment.config_file.empty() && std::filesystem::exists(environment.config_file, ignored)) {
    try {
      read(read_file(environment.config_file, kMaxConfig));
    } catch (const Error& error) {
      problems_.insert(problems_.begin(), error);
      fatal_ = 1;
    }
  }
  check_variables();
}

Settings::Settings(hub::Variables variables, std::string_view config_text) : variables_(std::move(variables)) {
  read(config_text);
  check_variables();
}

void Settings::check_variables() {
  for (const SettingKey& key : setting_keys()) {
    const std::string variable = variable_name(key.table, key.name);
    const auto it = variables_.find(variable);
    if (it == variables_.end()) {
      continue;
    }
    try {
      std::ranges::for_each(key.options, [&](const Option* option) { check_value(*option, it->second, variable); });
    } catch (const Error& error) {
      problems_.push_back(error);
    }
  }
}

void Settings::read(std::string_view config_text) {
  entries_ = parse_config(config_text);
  std::vector<Error> values;
  for (const ConfigEntry& entry : entries_) {
    const SettingKey* key = known_key(key_of(entry));
    if (key == nullptr && !(entry.name.empty() && is_known_table(entry.table))) {
      problems_.push_back(with_line(entry, unknown_key(key_of(entry))));
    }
    for (const Option* option : key == nullptr ? std::vector<const Option*>() : key->options) {
      try {
        check_entry(*option, entry);
      } catch (const Error& error) {
        values.push_back(error);
        break;
      }
    }
  }
  fatal_ = problems_.size();
  problems_.insert(problems_.end(), values.begin(), values.end());
}

const ConfigEntry* Settings::entry(std::string_view table, std::string_view name) const {
  const auto it = std::ranges::find_if(
      entries_, [&](const ConfigEntry& entry) { return entry.table == table && entry.name == name; });
  return it == entries_.end() ? nullptr : &*it;
}

Setting Settings::find(std::string_view table, const Option& option) const {
  const std::string name = name_of(option);
  for (const std::string_view place : {table, kEveryCommand}) {
    const std::string variable = variable_name(place, name);
    if (const auto it = variables_.find(variable); it != variables_.end()) {
      return {.values = {it->second}, .source = Source::Environment, .where = variable, .key = variable};
    }
  }
  for (const std::string_view place : {table, kEveryCommand}) {
    if (const ConfigEntry* found = entry(place, name)) {
      return {.values = found->values, .source = Source::File, .where = where_of(*found), .key = key_of(*found)};
    }
  }
  Setting setting;
  if (!option.default_text.empty() && table != kEveryCommand) {
    setting.values.emplace_back(option.default_text);
  }
  return setting;
}

void Settings::check(const Option& option, const Setting& setting) const {
  const auto it = std::ranges::find(entries_, setting.key, key_of);
  if (setting.source == Source::File && it != entries_.end()) {
    check_entry(option, *it);
  }
}

void Settings::check_keys() const {
  if (fatal_ > 0) {
    throw problems_.front();
  }
}

void apply_settings(Arguments& arguments, const Command& command, const Environment& environment) {
  if (std::ranges::none_of(command.options, is_setting)) {
    return;
  }
  const Settings settings(environment);
  settings.check_keys();
  const std::string table = full_name(command);
  for (const Option& option : command.options) {
    if (!is_setting(option) || arguments.is_given(option.name)) {
      continue;
    }
    const Setting setting = settings.find(table, option);
    settings.check(option, setting);
    for (const std::string& value : setting.source == Source::Default ? std::vector<std::string>() : setting.values) {
      arguments.add_setting(option, value, setting.where);
    }
  }
}

Json setting_json(const Option& option, const std::vector<std::string>& values) {
  if (values.empty()) {
    return nullptr;
  }
  if (option.repeatable) {
    return values;
  }
  const std::string& value = values.front();
  if (option.kind == ValueKind::Text || option.kind == ValueKind::Choice) {
    return value;
  }
  const Json json = Json::parse(value, nullptr, false);
  return json.is_number() || json.is_boolean() ? json : Json(value);
}

}  // namespace burin::cli
