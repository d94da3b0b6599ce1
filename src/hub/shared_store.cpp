#include "hub/shared_store.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <sstream>

#include "base/error.h"
#include "base/file.h"
#include "hub/cache.h"
#include "hub/digest.h"
#include "hub/lock_state.h"

namespace burin::hub {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMaxManifest = uint64_t{16} << 20;
constexpr size_t kHashLength = 64;

bool is_entry(std::string_view name) {
  return name.size() == kHashLength && is_etag(name);
}

fs::path path_of(const fs::path& hub_cache, const std::string& entry) {
  return hub_cache / "blobs" / entry.substr(0, 2) / entry;
}

bool is_regular(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(fs::symlink_status(path, ignored));
}

/** Lines of the manifest that still lead to the entry; none at all when it cannot be read. */
std::optional<std::set<std::string>> links_to(const fs::path& hub_cache, const std::string& entry) {
  const fs::path manifest = path_of(hub_cache, entry) += ".refs";
  if (!is_regular(manifest)) {
    return std::nullopt;
  }
  std::set<std::string> links;
  try {
    std::istringstream lines(read_file(manifest, kMaxManifest));
    for (std::string line; std::getline(lines, line);) {
      const fs::path link(line);
      const bool ours = std::distance(link.begin(), link.end()) == 3 && link.is_relative() &&
                        std::ranges::find(link, fs::path("..")) == link.end();
      if (ours && shared_entry_of(hub_cache / link) == entry) {
        links.insert(line);
      }
    }
  } catch (const Error&) {
    return std::nullopt;
  }
  return links;
}

}  // namespace

bool has_shared_store(const fs::path& hub_cache) {
  const fs::path marker = hub_cache / "blobs" / ".huggingface-shared-blobs";
  try {
    return is_regular(marker) && read_file(marker, 16) == "1\n";
  } catch (const Error&) {
    return false;
  }
}

std::optional<std::string> shared_entry_of(const fs::path& blob) {
  std::error_code error;
  const fs::path target = fs::read_symlink(blob, error);
  if (error) {
    return std::nullopt;
  }
  std::string name = target.filename().string();
  const fs::path folder = target.parent_path();
  const bool in_store = is_entry(name) && folder.filename() == name.substr(0, 2) &&
                        folder.parent_path().filename() == "blobs" &&
                        (target.is_absolute() || folder.parent_path() == fs::path("../../blobs"));
  return in_store ? std::optional(std::move(name)) : std::nullopt;
}

uint64_t shared_bytes_freed(const fs::path& hub_cache, const std::string& entry, const std::set<std::string>& going) {
  const auto links = links_to(hub_cache, entry);
  if (!links || links->empty() || !std::ranges::includes(going, *links)) {
    return 0;
  }
  std::error_code ignored;
  const uintmax_t size = fs::file_size(path_of(hub_cache, entry), ignored);
  return ignored ? 0 : size;
}

uint64_t sweep_shared_entry(const fs::path& hub_cache, const std::string& entry) {
  if (!is_entry(entry) || !has_shared_store(hub_cache)) {
    return 0;
  }
  const fs::path payload = path_of(hub_cache, entry);
  const auto lock = HeldLock::create(fs::path(payload) += ".lock");
  if (!lock || !is_regular(payload)) {
    return 0;  // whoever works on it looks at the links itself
  }
  const auto links = links_to(hub_cache, entry);
  if (!links || !links->empty()) {
    return 0;
  }
  std::error_code ignored;
  const uintmax_t size = fs::file_size(payload, ignored);
  if (!fs::remove(payload, ignored)) {
    return 0;
  }
  fs::remove(fs::path(payload) += ".refs", ignored);
  return size;
}

}  // namespace burin::hub
