// The Hugging Face cache and the model home, read only: which models are there and which revisions they have.
// Names and refs from disk or from the user are checked before they become part of a path.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace burin::hub {

/** `name` or `namespace/name` as the Hub allows it; nothing that could leave a folder passes. */
bool is_repo_name(std::string_view name);

/** 40 lower-case hexadecimal digits. */
bool is_commit_hash(std::string_view text);

/** One `models--namespace--name` folder. */
struct CachedRepo {
  std::string name;
  std::filesystem::path dir;
  std::vector<std::string> snapshots;       // commit hashes, newest folder first
  std::map<std::string, std::string> refs;  // "main" -> commit hash

  /** refs/main where its snapshot is there; without refs/main the only snapshot. */
  std::optional<std::string> default_snapshot() const;
  std::filesystem::path snapshot_dir(const std::string& hash) const { return dir / "snapshots" / hash; }
};

/** Model repos of the cache by name; unreadable or foreign entries are passed over. */
std::vector<CachedRepo> scan_cache(const std::filesystem::path& hub_cache);

/** The names of these repos, without a look into their folders. */
std::vector<std::string> scan_repo_names(const std::filesystem::path& hub_cache);

/** The commit that refs/main names, whether its snapshot is there or not; empty when it names none. */
std::string main_ref_of(const std::filesystem::path& hub_cache, std::string_view name);

/** As CachedRepo::default_snapshot, by a look at refs/main alone where that says it; empty when there is none. */
std::string default_snapshot_of(const std::filesystem::path& hub_cache, const std::string& name);

/** `models--namespace--name` below `hub_cache`, as text: an fs::path splits itself each time that something is added.
 */
std::string repo_folder_path(const std::filesystem::path& hub_cache, std::string_view name);

/** `models--namespace--name`. */
std::string repo_folder_name(std::string_view name);

/** One repo by its exact name; none when it is not there. */
std::optional<CachedRepo> find_repo(const std::filesystem::path& hub_cache, std::string_view name);

/** Names of the folders in the model home: `name`, or `namespace/name` for folders that only hold folders. */
std::vector<std::string> scan_model_home(const std::filesystem::path& model_home);

}  // namespace burin::hub
