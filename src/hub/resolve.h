// From what the user calls a model to the folder that holds it.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "hub/paths.h"

namespace burin::hub {

struct ResolvedModel {
  std::string name;  // repo name, name in the model home, or the path as given
  std::filesystem::path dir;
  std::string hash;     // commit of a cached repo, else empty
  bool cached = false;  // in the Hugging Face cache
};

/** Which model a text names, before any of its revisions is looked at. */
struct ModelName {
  std::string name;
  std::string revision;  // what stood behind the @; may be empty
  bool cached = false;
  bool exact = false;  // spelled out, or without `mlx-community/`: not guessed from a part of it
};

/** As resolve_model, for texts that are no path; a model without a usable revision is found too. Throws: as there. */
ModelName find_model_name(std::string_view spec, const HubPaths& paths);

/** Whether resolve_model takes this text for a path. */
bool is_model_path(std::string_view spec);

/**
 * In this order: a path beginning with `/ ./ ../ ~`; a folder in the model home; the exact repo in the cache; the
 * name with `mlx-community/` in front; a unique case-insensitive part of a name. `name@hash` pins a revision.
 * Throws: NotFound (model_not_found, hash_not_found + available_hashes), Ambiguous (ambiguous_match + matches);
 * the lists are facts holding a JSON array.
 */
ResolvedModel resolve_model(std::string_view spec, const HubPaths& paths);

/**
 * The model of a name whether it has a usable revision or not: without one, `hash` is empty and `dir` the whole repo.
 * Throws: as resolve_model; a revision that was asked for must be there.
 */
ResolvedModel resolve_any(std::string_view spec, const HubPaths& paths);

/** Every model of the model home and the cache, in this order, by name alone. */
std::vector<ModelName> all_model_names(const HubPaths& paths);

/** The default revision of one of these; without one, `hash` is empty and `dir` the whole repo. */
ResolvedModel resolve_default(const ModelName& model, const HubPaths& paths);

/** Every model of the model home and the cache, in this order, each with its default revision. */
std::vector<ResolvedModel> all_models(const HubPaths& paths);

/** Names only, in the same order: no revision is looked at, so that a shell can ask while the user types. */
std::vector<std::string> model_names(const HubPaths& paths);

}  // namespace burin::hub
