#include "hub/resolve.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/json.h"
#include "hub/cache.h"
#include "hub/nearest.h"

namespace burin::hub {
namespace {

namespace fs = std::filesystem;

struct Spec {
  std::string name;
  std::string revision;  // empty: the default one
};

Spec split(std::string_view text) {
  const size_t at = text.rfind('@');
  if (at == text.npos || at == 0) {
    return {.name = std::string(text), .revision = {}};
  }
  return {.name = std::string(text.substr(0, at)), .revision = std::string(text.substr(at + 1))};
}

bool is_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

bool has_repo(const fs::path& hub_cache, const std::string& name) {
  return !hub_cache.empty() && is_repo_name(name) && is_folder(hub_cache / repo_folder_name(name));
}

Error not_found(std::string_view name, const std::string& why, std::string hint) {
  return Error(ErrorCode::NotFound, "model", why)
      .type("model_not_found")
      .fact("model", std::string(name))
      .hint(std::move(hint));
}

ResolvedModel resolve_path(std::string_view text, const HubPaths& paths) {
  fs::path dir(text);
  if (text.starts_with('~') && !paths.home.empty()) {
    dir = paths.home / fs::path(text.substr(std::min<size_t>(2, text.size())));
  }
  if (!is_folder(dir)) {
    throw not_found(text, "no folder at " + std::string(text), "a path must name a folder with a config.json");
  }
  return {.name = std::string(text), .dir = dir.lexically_normal(), .hash = {}, .cached = false};
}

Error hash_not_found(const CachedRepo& repo, const std::string& revision) {
  return Error(ErrorCode::NotFound, "model", repo.name + " has no revision " + revision + " in the cache")
      .type("hash_not_found")
      .fact("available_hashes", dump_json(Json(repo.snapshots)))
      .hint("`burin show " + repo.name + "` names the default revision");
}

std::string pick_snapshot(const CachedRepo& repo, const std::string& revision) {
  const auto here = [&](const std::string& hash) {
    return std::ranges::find(repo.snapshots, hash) != repo.snapshots.end();
  };
  if (revision.empty()) {
    if (const auto hash = repo.default_snapshot()) {
      return *hash;
    }
    throw not_found(repo.name, repo.name + " has no default revision in the cache",
                    repo.snapshots.empty() ? "its download did not finish" : "pin one with " + repo.name + "@HASH")
        .fact("available_hashes", dump_json(Json(repo.snapshots)));
  }
  std::vector<std::string> hits;
  std::ranges::copy_if(repo.snapshots, std::back_inserter(hits),
                       [&](const std::string& hash) { return hash.starts_with(revision); });
  if (hits.size() > 1) {
    throw Error(ErrorCode::Ambiguous, "model", "several revisions of " + repo.name + " begin with " + revision)
        .type("ambiguous_match")
        .fact("matches", dump_json(Json(hits)));
  }
  if (hits.size() == 1) {
    return hits.front();
  }
  if (const auto ref = repo.refs.find(revision); ref != repo.refs.end() && here(ref->second)) {
    return ref->second;
  }
  throw hash_not_found(repo, revision);
}

ResolvedModel in_cache(const CachedRepo& repo, const std::string& revision) {
  const std::string hash = pick_snapshot(repo, revision);
  return {.name = repo.name, .dir = repo.snapshot_dir(hash), .hash = hash, .cached = true};
}

ResolvedModel in_home(const ModelName& model, const HubPaths& paths) {
  if (!model.revision.empty()) {
    throw Error(ErrorCode::NotFound, "model", model.name + " lies in the model home, which keeps no revisions")
        .type("hash_not_found")
        .fact("available_hashes", "[]");
  }
  return {.name = model.name, .dir = paths.model_home / model.name, .hash = {}, .cached = false};
}

CachedRepo repo_of(const ModelName& model, const HubPaths& paths) {
  if (auto repo = find_repo(paths.hub_cache, model.name)) {
    return *repo;
  }
  throw not_found(model.name, model.name + " is no longer in the cache", "another process removed it");
}

std::string hint_for_unknown(const std::string& wanted, const std::vector<std::string>& known) {
  if (is_folder(wanted)) {
    return "for the folder of that name write ./" + wanted;
  }
  std::string near;
  for (const std::string& name : nearest_names(wanted, known, 3)) {
    near += (near.empty() ? "did you mean " : " or ") + name;
  }
  if (!near.empty()) {
    return near + "?";
  }
  if (wanted == "starter") {
    return "./dev setup imports it";
  }
  return (is_repo_name(wanted) ? "`burin pull " + std::string(wanted) + "` fetches a model; " : std::string()) +
         "`burin list --all` shows those on this machine";
}

Error ambiguous_part(const std::string& part, const std::set<std::string>& matches) {
  constexpr size_t kShown = 8;
  std::string names;
  size_t count = 0;
  for (const std::string& match : matches) {
    if (count++ == kShown) {
      names += " and more, `burin list` shows them";
      break;
    }
    names += (names.empty() ? "" : ", ") + match;
  }
  return Error(ErrorCode::Ambiguous, "model",
               "\"" + part + "\" names " + std::to_string(matches.size()) + " models: " + names)
      .type("ambiguous_match")
      .fact("matches", dump_json(Json(matches)))
      .hint("give more of the name");
}

ModelName find_part(const Spec& spec, const HubPaths& paths) {
  const std::string wanted = lower_ascii(spec.name);
  std::set<std::string> hits;
  std::vector<std::string> known;
  const auto look_at = [&](const std::string& name) {
    known.push_back(name);
    if (!wanted.empty() && lower_ascii(name).find(wanted) != std::string::npos) {
      hits.insert(name);
    }
  };
  const std::vector<std::string> home = scan_model_home(paths.model_home);
  std::ranges::for_each(home, look_at);
  std::ranges::for_each(scan_repo_names(paths.hub_cache), look_at);
  if (hits.size() > 1) {
    throw ambiguous_part(spec.name, hits);
  }
  if (hits.empty()) {
    throw not_found(spec.name, "no model \"" + spec.name + "\" on this machine", hint_for_unknown(spec.name, known));
  }
  const std::string& name = *hits.begin();
  const bool cached = std::ranges::find(home, name) == home.end();
  return {.name = name, .revision = spec.revision, .cached = cached, .exact = lower_ascii(name) == wanted};
}

}  // namespace

bool is_model_path(std::string_view text) {
  return text.starts_with('/') || text.starts_with("./") || text.starts_with("../") || text == "." || text == ".." ||
         text == "~" || text.starts_with("~/");
}

ModelName find_model_name(std::string_view text, const HubPaths& paths) {
  if (text.empty() || text.find('\0') != text.npos) {
    throw not_found("", "the name of a model is empty", "`burin list --all` shows the models on this machine");
  }
  const Spec spec = split(text);
  if (!paths.model_home.empty() && is_repo_name(spec.name) && is_folder(paths.model_home / spec.name)) {
    return {.name = spec.name, .revision = spec.revision, .cached = false, .exact = true};
  }
  if (has_repo(paths.hub_cache, spec.name)) {
    return {.name = spec.name, .revision = spec.revision, .cached = true, .exact = true};
  }
  if (spec.name.find('/') == spec.name.npos && has_repo(paths.hub_cache, "mlx-community/" + spec.name)) {
    return {.name = "mlx-community/" + spec.name, .revision = spec.revision, .cached = true, .exact = true};
  }
  return find_part(spec, paths);
}

ResolvedModel resolve_model(std::string_view text, const HubPaths& paths) {
  if (is_model_path(text)) {
    return resolve_path(text, paths);
  }
  const ModelName model = find_model_name(text, paths);
  return model.cached ? in_cache(repo_of(model, paths), model.revision) : in_home(model, paths);
}

ResolvedModel resolve_any(std::string_view text, const HubPaths& paths) {
  if (!is_model_path(text)) {
    const ModelName model = find_model_name(text, paths);
    if (model.cached && model.revision.empty()) {
      const CachedRepo repo = repo_of(model, paths);
      const std::string hash = repo.default_snapshot().value_or("");
      return {
          .name = repo.name, .dir = hash.empty() ? repo.dir : repo.snapshot_dir(hash), .hash = hash, .cached = true};
    }
  }
  return resolve_model(text, paths);
}

std::vector<ModelName> all_model_names(const HubPaths& paths) {
  std::vector<ModelName> models;
  for (std::string& name : scan_model_home(paths.model_home)) {
    models.push_back({.name = std::move(name), .revision = {}, .cached = false, .exact = true});
  }
  for (std::string& name : scan_repo_names(paths.hub_cache)) {
    models.push_back({.name = std::move(name), .revision = {}, .cached = true, .exact = true});
  }
  return models;
}

ResolvedModel resolve_default(const ModelName& model, const HubPaths& paths) {
  if (!model.cached) {
    return {.name = model.name, .dir = paths.model_home / model.name, .hash = {}, .cached = false};
  }
  const fs::path repo = paths.hub_cache / repo_folder_name(model.name);
  const std::string hash = default_snapshot_of(paths.hub_cache, model.name);
  return {.name = model.name, .dir = hash.empty() ? repo : repo / "snapshots" / hash, .hash = hash, .cached = true};
}

std::vector<ResolvedModel> all_models(const HubPaths& paths) {
  std::vector<ResolvedModel> models;
  for (const ModelName& model : all_model_names(paths)) {
    models.push_back(resolve_default(model, paths));
  }
  return models;
}

std::vector<std::string> model_names(const HubPaths& paths) {
  std::vector<std::string> names = scan_model_home(paths.model_home);
  const std::vector<std::string> cached = scan_repo_names(paths.hub_cache);
  names.insert(names.end(), cached.begin(), cached.end());
  return names;
}

}  // namespace burin::hub
