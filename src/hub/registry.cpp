#include "hub/registry.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "hub/cache.h"
#include "hub/model_types.h"
#include "hub/nearest.h"
#include "hub/registry_data.h"
#include "hub/runtime_check.h"

namespace burin::hub {
namespace {

constexpr int64_t kMaxBytes = int64_t{1} << 50;
constexpr int64_t kMaxContext = int64_t{1} << 30;
constexpr size_t kMaxUserBytes = size_t{4} << 20;
constexpr const char* kUserFile = "models.json";
constexpr std::string_view kTypes[] = {"base", "chat", "embedding", "vision"};

RegistryModel model_from(const Json& entry, const std::string& source, bool user) {
  const JsonView view(entry, source);
  RegistryModel model{.id = view.string("id"), .repo = view.string("repo"), .user = user};
  const std::string where = source + ": " + model.id;
  const JsonView named(entry, where);
  model.name = named.string_or("name", model.id);
  model.description = named.string_or("description", "");
  model.type = named.string_or("type", "chat");
  model.use_cases = named.strings_or("use_cases", {});
  model.parameters = static_cast<uint64_t>(named.integer_or("parameters", 0, 0, kMaxBytes));
  model.bits = static_cast<int>(named.integer_or("bits", 16, 1, 64));
  model.size_bytes = static_cast<uint64_t>(named.integer("size_bytes", 1, kMaxBytes));
  model.context_length = named.integer_or("context_length", 0, 0, kMaxContext);
  if (named.has("dimension")) {
    model.dimension = named.integer("dimension", 1, 1 << 20);
  }
  if (const Json* config = named.find("config")) {
    model.config = *config;
  }
  if (!is_repo_name(model.id) || !is_repo_name(model.repo)) {
    throw Error(ErrorCode::Corrupt, where, "id and repo must be names as the Hub allows them");
  }
  if (std::ranges::find(kTypes, model.type) == std::end(kTypes)) {
    throw Error(ErrorCode::Corrupt, where, "type must be base, chat, embedding or vision");
  }
  return model;
}

bool has_words(const RegistryModel& model, std::string_view query) {
  std::string text = lower_ascii(model.id + " " + model.repo + " " + model.name + " " + model.description);
  for (const std::string& use_case : model.use_cases) {
    text += " " + lower_ascii(use_case);
  }
  const std::string words = lower_ascii(query);
  for (size_t at = 0; at < words.size();) {
    const size_t begin = words.find_first_not_of(" \t", at);
    if (begin == std::string::npos) {
      break;
    }
    at = std::min(words.find_first_of(" \t", begin), words.size());
    if (text.find(words.substr(begin, at - begin)) == std::string::npos) {
      return false;
    }
  }
  return true;
}

bool fits_criteria(const RegistryModel& model, const SearchCriteria& criteria) {
  const bool type = criteria.type.empty() || model.type == criteria.type;
  const bool use_case =
      criteria.use_case.empty() || std::ranges::find(model.use_cases, criteria.use_case) != model.use_cases.end();
  const bool size = criteria.max_size_bytes == 0 || model.size_bytes <= criteria.max_size_bytes;
  return type && use_case && size && model.context_length >= criteria.min_context_length &&
         has_words(model, criteria.query);
}

}  // namespace

ModelRegistry::ModelRegistry() {
  add(parse_json(builtin_registry(), "registry.json"), "registry.json", false);
}

ModelRegistry ModelRegistry::with_user_entries(const std::filesystem::path& config_dir) {
  std::error_code ignored;
  const std::filesystem::path file = config_dir / kUserFile;
  const bool there = !config_dir.empty() && std::filesystem::exists(file, ignored);
  return there ? with_entries(read_json_file(file, {.max_bytes = kMaxUserBytes, .max_depth = 8})) : ModelRegistry();
}

ModelRegistry ModelRegistry::with_entries(const Json& list) {
  ModelRegistry registry;
  registry.add(list, kUserFile, true);
  return registry;
}

void ModelRegistry::add(const Json& list, const std::string& source, bool user) {
  if (!list.is_object() || !list.contains("models") || !list["models"].is_array()) {
    throw Error(ErrorCode::Corrupt, source, "has no list \"models\"");
  }
  for (const Json& entry : list["models"]) {
    RegistryModel model = model_from(entry, source, user);
    const auto at = std::ranges::lower_bound(models_, model.id, {}, &RegistryModel::id);
    if (at != models_.end() && at->id == model.id) {
      *at = std::move(model);
    } else {
      models_.insert(at, std::move(model));
    }
  }
}

const RegistryModel* ModelRegistry::find(std::string_view name) const {
  const std::string wanted = lower_ascii(name);
  const auto at = std::ranges::find_if(models_, [&](const RegistryModel& model) {
    return lower_ascii(model.id) == wanted || lower_ascii(model.repo) == wanted;
  });
  return at == models_.end() ? nullptr : &*at;
}

std::vector<RegistryModel> ModelRegistry::search(const SearchCriteria& criteria) const {
  std::vector<RegistryModel> found;
  std::ranges::copy_if(models_, std::back_inserter(found),
                       [&](const RegistryModel& model) { return fits_criteria(model, criteria); });
  return found;
}

std::vector<RegistryModel> ModelRegistry::recommended(std::string_view use_case, uint64_t memory_bytes) const {
  std::vector<RegistryModel> found = search({.use_case = std::string(use_case)});
  std::erase_if(found, [&](const RegistryModel& model) { return working_bytes(model) > memory_bytes; });
  std::ranges::stable_sort(found, std::ranges::greater(), [](const RegistryModel& model) {
    return std::tuple(is_runnable(model), model.parameters, model.bits);
  });
  return found;
}

std::vector<std::string> ModelRegistry::use_cases() const {
  std::set<std::string> names;
  for (const RegistryModel& model : models_) {
    names.insert(model.use_cases.begin(), model.use_cases.end());
  }
  return {names.begin(), names.end()};
}

uint64_t working_bytes(const RegistryModel& model) {
  return model.size_bytes + model.size_bytes / 5;
}

bool is_runnable(const RegistryModel& model) {
  const std::string type = text_member(model.config, "model_type");
  const std::vector<std::string> types = supported_model_types();
  return model.type != "embedding" && (type.empty() || std::ranges::find(types, type) != types.end());
}

Json registry_object(const RegistryModel& model) {
  return {{"id", model.id},
          {"repo", model.repo},
          {"name", model.name},
          {"description", model.description},
          {"type", model.type},
          {"use_cases", model.use_cases},
          {"parameters", model.parameters},
          {"bits", model.bits},
          {"size_bytes", model.size_bytes},
          {"context_length", model.context_length},
          {"dimension", model.dimension ? Json(*model.dimension) : Json(nullptr)},
          {"source", model.user ? "user" : "built-in"}};
}

Json recommended_object(const RegistryModel& model, const std::filesystem::path& hub_cache) {
  Json object = registry_object(model);
  object["required_bytes"] = working_bytes(model);
  object["runnable"] = is_runnable(model);
  object["cached"] = find_repo(hub_cache, model.repo).has_value();
  return object;
}

}  // namespace burin::hub
