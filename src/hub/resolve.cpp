#include "hub/resolve.h"

#include <algorithm>
#include <optional>
#include <set>

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

bool is_path(std::string_view text) {
  return text.starts_with('/') || text.starts_with("./") || text.starts_with("../") || text == "." || text == ".." ||
         text == "~" || text.starts_with("~/");
}

bool is_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
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

ResolvedModel in_home(const std::string& name, const Spec& spec, const HubPaths& paths) {
  if (!spec.revision.empty()) {
    throw Error(ErrorCode::NotFound, "model", name + " lies in the model home, which keeps no revisions")
        .type("hash_not_found")
        .fact("available_hashes", "[]");
  }
  return {.name = name, .dir = paths.model_home / name, .hash = {}, .cached = false};
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
  return wanted == "starter" ? "./dev setup imports it" : "`burin list --all` shows the models on this machine";
}

ResolvedModel resolve_part(const Spec& spec, const HubPaths& paths) {
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
  for (const CachedRepo& repo : scan_cache(paths.hub_cache)) {
    look_at(repo.name);
  }
  if (hits.size() > 1) {
    throw Error(ErrorCode::Ambiguous, "model", "\"" + spec.name + "\" names " + std::to_string(hits.size()) + " models")
        .type("ambiguous_match")
        .fact("matches", dump_json(Json(hits)))
        .hint("give more of the name");
  }
  if (hits.empty()) {
    throw not_found(spec.name, "no model \"" + spec.name + "\" on this machine", hint_for_unknown(spec.name, known));
  }
  const std::string& name = *hits.begin();
  return std::ranges::find(home, name) != home.end() ? in_home(name, spec, paths)
                                                     : in_cache(*find_repo(paths.hub_cache, name), spec.revision);
}

}  // namespace

ResolvedModel resolve_model(std::string_view text, const HubPaths& paths) {
  if (text.empty() || text.find('\0') != text.npos) {
    throw not_found("", "the name of a model is empty", "`burin list --all` shows the models on this machine");
  }
  if (is_path(text)) {
    return resolve_path(text, paths);
  }
  const Spec spec = split(text);
  if (!paths.model_home.empty() && is_repo_name(spec.name) && is_folder(paths.model_home / spec.name)) {
    return in_home(spec.name, spec, paths);
  }
  if (const auto repo = find_repo(paths.hub_cache, spec.name)) {
    return in_cache(*repo, spec.revision);
  }
  if (spec.name.find('/') == spec.name.npos) {
    if (const auto repo = find_repo(paths.hub_cache, "mlx-community/" + spec.name)) {
      return in_cache(*repo, spec.revision);
    }
  }
  return resolve_part(spec, paths);
}

std::vector<ResolvedModel> all_models(const HubPaths& paths) {
  std::vector<ResolvedModel> models;
  for (const std::string& name : scan_model_home(paths.model_home)) {
    models.push_back({.name = name, .dir = paths.model_home / name, .hash = {}, .cached = false});
  }
  for (const CachedRepo& repo : scan_cache(paths.hub_cache)) {
    const std::string hash = repo.default_snapshot().value_or("");
    models.push_back(
        {.name = repo.name, .dir = hash.empty() ? repo.dir : repo.snapshot_dir(hash), .hash = hash, .cached = true});
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
