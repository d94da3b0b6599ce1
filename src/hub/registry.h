// Models worth knowing, as data: the built-in list (registry.json) and the user's own. Searched and recommended from
// without network; what is on this machine plays no part.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace burin::hub {

struct RegistryModel {
  std::string id;    // "qwen3-0.6b-4bit"
  std::string repo;  // "mlx-community/Qwen3-0.6B-4bit"
  std::string name;
  std::string description;
  std::string type;  // chat, base, embedding, vision
  std::vector<std::string> use_cases;
  uint64_t parameters = 0;
  int bits = 0;
  uint64_t size_bytes = 0;  // of the weights, about
  int64_t context_length = 0;
  std::optional<int64_t> dimension;  // of an embedder
  Json config;                       // the keys of config.json that say how much memory it needs; may be null
  bool user = false;                 // from the user's own file
};

struct SearchCriteria {
  std::string query;               // words, each of them part of the id, name, description or a use case
  std::string type;                // empty: any
  std::string use_case;            // empty: any
  uint64_t max_size_bytes = 0;     // 0: any
  int64_t min_context_length = 0;  // 0: any
};

/** The members in order of their ids; a user's entry takes the place of the built-in one of that id. */
class ModelRegistry {
 public:
  /** The built-in list alone. */
  ModelRegistry();

  /**
   * With the user's entries of `models.json` in a folder, where it is there: `{"models": [{"id", "repo", ..}]}`.
   * Throws: Corrupt, naming file, entry and key.
   */
  static ModelRegistry with_user_entries(const std::filesystem::path& config_dir);

  /** With what such a file holds. */
  static ModelRegistry with_entries(const Json& list);

  const std::vector<RegistryModel>& models() const { return models_; }

  /** By id or repo, in any case; null when it is not known. */
  const RegistryModel* find(std::string_view name) const;

  /** All that fit every criterion, in order of their ids. */
  std::vector<RegistryModel> search(const SearchCriteria& criteria) const;

  /** Those for a use case that fit into this much memory: what this burin runs before what it does not yet, and the
   * largest first, so that the most able that fits leads. */
  std::vector<RegistryModel> recommended(std::string_view use_case, uint64_t memory_bytes) const;

  /** Every use case that a model names, sorted. */
  std::vector<std::string> use_cases() const;

 private:
  void add(const Json& list, const std::string& source, bool user);
  std::vector<RegistryModel> models_;
};

/** Memory that a model takes with a short context: its weights, and a fifth for cache and scratch. */
uint64_t working_bytes(const RegistryModel& model);

/** {id, repo, name, description, type, use_cases, parameters, bits, size_bytes, context_length, dimension}. */
Json registry_object(const RegistryModel& model);

/** Whether this burin runs models of its type; one whose type the registry does not say is taken for such. */
bool is_runnable(const RegistryModel& model);

/** The same with required_bytes, runnable, and cached: whether the cache has it. */
Json recommended_object(const RegistryModel& model, const std::filesystem::path& hub_cache);

}  // namespace burin::hub
