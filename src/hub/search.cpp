#include "hub/search.h"

#include <fmt/format.h>

#include "hub/cache.h"
#include "hub/runtime_check.h"

namespace burin::hub {
namespace {

constexpr size_t kMaxTags = 100;

FoundModel model_of(const JsonView& entry) {
  FoundModel model{.id = entry.string_or("id", ""),
                   .downloads = entry.integer_or("downloads", 0, 0, INT64_MAX),
                   .last_modified = entry.string_or("lastModified", ""),
                   .tags = entry.strings_or("tags", {}),
                   .library = entry.string_or("library_name", ""),
                   .pipeline_tag = entry.string_or("pipeline_tag", "")};
  model.tags.resize(std::min(model.tags.size(), kMaxTags));
  const Json* gated = entry.find("gated");  // false, or how the terms are accepted
  model.gated = gated != nullptr && *gated != Json(false);
  return model;
}

}  // namespace

std::string search_query(const SearchRequest& request) {
  std::string query = "search=" + percent_encode(request.query);
  query += request.all ? "" : "&filter=mlx";
  query += fmt::format("&sort={}&direction=-1&limit={}",
                       request.order == SearchOrder::Downloads ? "downloads" : "lastModified", request.limit);
  for (const char* field : {"downloads", "lastModified", "tags", "library_name", "pipeline_tag", "gated"}) {
    query += fmt::format("&expand={}", field);
  }
  return query;
}

std::vector<FoundModel> parse_search(const Json& answer, int limit) {
  std::vector<FoundModel> models;
  for (const Json& item : answer) {
    if (models.size() >= static_cast<size_t>(limit)) {
      break;
    }
    try {
      FoundModel model = model_of(JsonView(item, "answer"));
      if (is_repo_name(model.id)) {
        models.push_back(std::move(model));
      }
    } catch (const Error& error) {
      throw Error(ErrorCode::Network, "hub", "the Hub's answer to a search cannot be read: " + error.message())
          .type("bad_answer");
    }
  }
  return models;
}

std::vector<FoundModel> search_hub(const SearchRequest& request, const ClientOptions& options,
                                   const std::atomic<bool>& cancel) {
  HubClient client(options, cancel);
  return parse_search(client.search(search_query(request)), request.limit);
}

Json found_object(const FoundModel& model) {
  return {{"name", model.id},
          {"downloads", model.downloads},
          {"last_modified", null_when_empty(model.last_modified)},
          {"library", null_when_empty(model.library)},
          {"pipeline_tag", null_when_empty(model.pipeline_tag)},
          {"gated", model.gated},
          {"tags", model.tags}};
}

Json found_object(const RegistryModel& model) {
  Json object = registry_object(model);
  object.update({{"name", model.repo},
                 {"downloads", nullptr},
                 {"last_modified", nullptr},
                 {"library", "mlx"},
                 {"pipeline_tag", model.type},
                 {"gated", false},
                 {"tags", model.use_cases}});
  return object;
}

}  // namespace burin::hub
