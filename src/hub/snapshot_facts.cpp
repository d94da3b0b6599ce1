#include "hub/snapshot_facts.h"

#include <set>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "hub/digest.h"
#include "hub/workspace.h"

namespace burin::hub {
namespace {

namespace fs = std::filesystem;

constexpr JsonLimits kListLimits{.max_bytes = size_t{64} << 20, .max_depth = 8};

std::vector<fs::path> entries_or_none(const fs::path& folder) {
  try {
    return entries_of(folder);
  } catch (const Error&) {
    return {};
  }
}

std::string text_of(const SortedJson& object, const char* key) {
  const auto it = object.find(key);
  return it != object.end() && it->is_string() ? it->get<std::string>() : "";
}

/** One entry of trees/<commit>.json; the size and hash of a large file are those of its content, not its pointer. */
PromisedFile promised_of(const SortedJson& entry) {
  const bool large = entry.contains("lfs_sha256");
  PromisedFile file{.etag = text_of(entry, large ? "lfs_sha256" : "blob_id")};
  const auto size = entry.find(large && entry.contains("lfs_size") ? "lfs_size" : "size");
  if (size == entry.end() || !size->is_number_unsigned() || !is_etag(file.etag)) {
    throw Error(ErrorCode::Corrupt, "trees", "an entry has no size or no hash");
  }
  file.size_bytes = size->get<uint64_t>();
  return file;
}

void read_list(const fs::path& file, SnapshotFacts& facts) {
  try {
    const InputFile input(file);  // NotFound is the usual case: an older client wrote the snapshot
  } catch (const Error&) {
    return;
  }
  try {
    const SortedJson list =
        parse_sorted_json(read_file(file, kListLimits.max_bytes), file.filename().string(), kListLimits);
    const auto files = list.is_object() ? list.find("files") : list.end();
    if (!list.is_object() || list.value("format_version", SortedJson()) != 1 || files == list.end() ||
        !files->is_object()) {
      throw Error(ErrorCode::Corrupt, "trees", "not a list of files in format 1");
    }
    for (const auto& [name, entry] : files->items()) {
      facts.promised[name] = promised_of(entry);
    }
  } catch (const Error& error) {
    facts.promised.clear();
    facts.list_problem = error.message();
  }
}

}  // namespace

std::optional<LockHolder> SnapshotFacts::holder(const std::string& etag) const {
  if (locks.empty()) {
    return std::nullopt;
  }
  if (!etag.empty()) {
    return lock_holder(locks / (etag + ".lock"));
  }
  for (const fs::path& file : entries_or_none(locks)) {
    if (const auto holder = lock_holder(file)) {
      return holder;
    }
  }
  return std::nullopt;
}

fs::path locks_of(const fs::path& repo) {
  return repo.parent_path() / ".locks" / repo.filename();
}

std::vector<PartialFile> find_partials(const fs::path& repo, const fs::path& locks) {
  std::vector<PartialFile> partials;
  std::error_code ignored;
  for (const fs::path& path : entries_or_none(repo / "blobs")) {
    const std::string name = path.filename().string();
    const std::string etag = name.substr(0, name.find('.'));
    if (!name.ends_with(".incomplete") || !is_etag(etag) || fs::exists(repo / "blobs" / etag, ignored)) {
      continue;
    }
    auto holder = lock_holder(locks / (etag + ".lock"));
    if (!holder) {
      holder = lock_holder(path);  // burin's own writer locks the partial too
    }
    const uintmax_t size = fs::file_size(path, ignored);
    partials.push_back({.etag = etag, .size_bytes = ignored ? 0 : size, .holder = std::move(holder)});
  }
  return partials;
}

SnapshotFacts snapshot_facts(const ResolvedModel& model) {
  SnapshotFacts facts;
  if (!model.cached) {
    if (const auto record = read_workspace(model.dir)) {
      for (const WorkspaceFile& file : record->files) {
        facts.promised[file.name] = {.size_bytes = file.size_bytes, .etag = file.etag};
      }
    }
    return facts;
  }
  const fs::path repo = model.hash.empty() ? model.dir : model.dir.parent_path().parent_path();
  facts.locks = locks_of(repo);
  facts.partials = find_partials(repo, facts.locks);
  if (!model.hash.empty()) {
    read_list(repo / "trees" / (model.hash + ".json"), facts);
  }
  return facts;
}

}  // namespace burin::hub
