// Models found by the Hub's search, and the place where the built-in registry answers without a network.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "hub/hub_client.h"
#include "hub/registry.h"

namespace burin::hub {

enum class SearchOrder { Downloads, Modified };

struct SearchRequest {
  std::string query;
  int limit = 20;
  SearchOrder order = SearchOrder::Downloads;
  bool all = false;  // besides models of the MLX library
};

struct FoundModel {
  std::string id;
  int64_t downloads = 0;
  std::string last_modified;  // ISO 8601; empty: unknown
  std::vector<std::string> tags;
  std::string library;       // "mlx"
  std::string pipeline_tag;  // "text-generation"
  bool gated = false;
};

/** The query part of the address that asks for this. */
std::string search_query(const SearchRequest& request);

/** Entries of the Hub's answer; those without a name that could be one are passed over. */
std::vector<FoundModel> parse_search(const Json& answer, int limit);

/** {name, downloads, last_modified, library, pipeline_tag, gated, tags}. */
Json found_object(const FoundModel& model);

/** The same of a model that burin knows of, with what the registry says besides. */
Json found_object(const RegistryModel& model);

/** Asks the Hub. Throws: Network, Permission, Cancelled, Unsupported (no libcurl). */
std::vector<FoundModel> search_hub(const SearchRequest& request, const ClientOptions& options,
                                   const std::atomic<bool>& cancel);

}  // namespace burin::hub
