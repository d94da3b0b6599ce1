#include "hub/cache.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

namespace burin::hub {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kRepoPrefix = "models--";
constexpr int kMaxRefDepth = 4;

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

bool is_name_part(std::string_view part) {
  const auto allowed = [](char c) { return is_word(c) || c == '.' || c == '-'; };
  return !part.empty() && part.size() <= 96 && is_word(part.front()) && is_word(part.back()) &&
         std::ranges::all_of(part, allowed) && part.find("..") == part.npos && part.find("--") == part.npos;
}

/** What StagingFolder calls a folder that is still being filled. */
bool is_staging_name(std::string_view name) {
  return name.find(".importing-") != name.npos;
}

/** Entries of a folder by name; empty when it cannot be read. */
std::vector<fs::directory_entry> entries_of(const fs::path& folder) {
  std::vector<fs::directory_entry> entries;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    entries.push_back(*it);
  }
  std::ranges::sort(entries, {}, [](const fs::directory_entry& entry) { return entry.path().filename(); });
  return entries;
}

bool is_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

bool is_folder_entry(int fd, const dirent& entry) {
  struct stat info{};
  return entry.d_type == DT_DIR ||
         ((entry.d_type == DT_LNK || entry.d_type == DT_UNKNOWN) &&
          ::fstatat(fd, static_cast<const char*>(entry.d_name), &info, 0) == 0 && S_ISDIR(info.st_mode));
}

std::vector<std::string> read_snapshots(const fs::path& folder) {
  std::vector<std::pair<fs::file_time_type, std::string>> found;
  for (const fs::directory_entry& entry : entries_of(folder)) {
    const std::string name = entry.path().filename().string();
    if (is_commit_hash(name) && is_folder(entry.path())) {
      std::error_code ignored;
      found.emplace_back(entry.last_write_time(ignored), name);
    }
  }
  std::ranges::sort(found, std::ranges::greater());
  std::vector<std::string> hashes;
  hashes.reserve(found.size());
  for (auto& [time, name] : found) {
    hashes.push_back(std::move(name));
  }
  return hashes;
}

/** The commit that a file below refs/ names. */
std::optional<std::string> read_ref(const std::string& file) {
  const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) {
    return std::nullopt;
  }
  std::array<char, 65> content{};
  const ssize_t size = ::read(fd, content.data(), content.size());
  ::close(fd);
  if (size <= 0 || static_cast<size_t>(size) == content.size()) {
    return std::nullopt;
  }
  std::string_view hash(content.data(), static_cast<size_t>(size));
  hash = hash.substr(0, hash.find_last_not_of(" \r\n") + 1);
  return is_commit_hash(hash) ? std::optional<std::string>(hash) : std::nullopt;
}

/** Files below refs/, each holding one hash; anything else in them is passed over. */
void read_refs(const fs::path& folder, const std::string& prefix, int depth, std::map<std::string, std::string>& refs) {
  for (const fs::directory_entry& entry : entries_of(folder)) {
    const std::string name = prefix + entry.path().filename().string();
    if (is_folder(entry.path())) {
      if (depth < kMaxRefDepth) {
        read_refs(entry.path(), name + "/", depth + 1, refs);
      }
      continue;
    }
    if (const auto hash = read_ref(entry.path().native())) {
      refs[name] = *hash;
    }
  }
}

CachedRepo read_repo(std::string name, const fs::path& dir) {
  CachedRepo repo{.name = std::move(name), .dir = dir, .snapshots = read_snapshots(dir / "snapshots"), .refs = {}};
  read_refs(dir / "refs", "", 0, repo.refs);
  return repo;
}

}  // namespace

bool is_repo_name(std::string_view name) {
  const size_t slash = name.find('/');
  const bool parts = slash == name.npos ? is_name_part(name)
                                        : is_name_part(name.substr(0, slash)) && is_name_part(name.substr(slash + 1));
  return parts && !name.ends_with(".git");
}

std::string repo_folder_name(std::string_view name) {
  std::string folder(kRepoPrefix);
  for (size_t slash = name.find('/'); slash != name.npos; slash = name.find('/')) {
    folder.append(name.substr(0, slash)).append("--");
    name.remove_prefix(slash + 1);
  }
  return folder.append(name);
}

std::string repo_folder_path(const fs::path& hub_cache, std::string_view name) {
  const std::string& parent = hub_cache.native();
  return parent + (parent.ends_with('/') ? "" : "/") + repo_folder_name(name);
}

bool is_commit_hash(std::string_view text) {
  const auto hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  return text.size() == 40 && std::ranges::all_of(text, hex);
}

std::optional<std::string> CachedRepo::default_snapshot() const {
  if (const auto main = refs.find("main"); main != refs.end()) {
    return std::ranges::find(snapshots, main->second) == snapshots.end() ? std::nullopt : std::optional(main->second);
  }
  return snapshots.size() == 1 ? std::optional(snapshots.front()) : std::nullopt;
}

std::vector<CachedRepo> scan_cache(const fs::path& hub_cache) {
  std::vector<CachedRepo> repos;
  for (std::string& name : scan_repo_names(hub_cache)) {
    const fs::path dir = hub_cache / repo_folder_name(name);
    repos.push_back(read_repo(std::move(name), dir));
  }
  return repos;
}

std::vector<std::string> scan_repo_names(const fs::path& hub_cache) {
  std::vector<std::string> names;
  // Not by directory_iterator, which makes a path of each of a thousand entries.
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(hub_cache.c_str()), &::closedir);
  while (const dirent* entry = folder ? ::readdir(folder.get()) : nullptr) {
    std::string name(static_cast<const char*>(entry->d_name));
    if (!name.starts_with(kRepoPrefix) || !is_folder_entry(::dirfd(folder.get()), *entry)) {
      continue;
    }
    name.erase(0, kRepoPrefix.size());
    if (const size_t separator = name.find("--"); separator != name.npos) {
      name.replace(separator, 2, "/");
    }
    if (is_repo_name(name)) {
      names.push_back(std::move(name));
    }
  }
  std::ranges::sort(names);
  return names;
}

std::string main_ref_of(const fs::path& hub_cache, std::string_view name) {
  return read_ref(repo_folder_path(hub_cache, name) + "/refs/main").value_or("");
}

std::string default_snapshot_of(const fs::path& hub_cache, const std::string& name) {
  const fs::path dir = hub_cache / repo_folder_name(name);
  if (const std::string hash = main_ref_of(hub_cache, name); !hash.empty()) {
    return is_folder(dir / "snapshots" / hash) ? hash : "";
  }
  return read_repo(name, dir).default_snapshot().value_or("");
}

std::optional<CachedRepo> find_repo(const fs::path& hub_cache, std::string_view name) {
  if (hub_cache.empty() || !is_repo_name(name)) {
    return std::nullopt;
  }
  const fs::path dir = hub_cache / repo_folder_name(name);
  return is_folder(dir) ? std::optional(read_repo(std::string(name), dir)) : std::nullopt;
}

std::vector<std::string> scan_model_home(const fs::path& model_home) {
  std::vector<std::string> names;
  for (const fs::directory_entry& entry : entries_of(model_home)) {
    const std::string name = entry.path().filename().string();
    if (!is_repo_name(name) || is_staging_name(name) || !is_folder(entry.path())) {
      continue;
    }
    const std::vector<fs::directory_entry> inner = entries_of(entry.path());
    const auto folder = [](const fs::directory_entry& item) { return is_folder(item.path()); };
    if (inner.empty() || !std::ranges::all_of(inner, folder)) {
      names.push_back(name);
      continue;
    }
    for (const fs::directory_entry& item : inner) {
      if (const std::string full = name + "/" + item.path().filename().string();
          is_repo_name(full) && !is_staging_name(full)) {
        names.push_back(full);
      }
    }
  }
  return names;
}

}  // namespace burin::hub
