// What belongs to a model besides what its folder holds: the list of promised files, downloads that are not finished,
// locks. Of a cached revision from trees/<commit>.json, blobs/ and .locks/; of a clone from its own record.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hub/lock_state.h"
#include "hub/resolve.h"

namespace burin::hub {

struct PromisedFile {
  uint64_t size_bytes = 0;
  std::string etag;  // empty when the list names none
};

/** A file of a download that did not come to its end. */
struct PartialFile {
  std::string etag;
  uint64_t size_bytes = 0;
  std::optional<LockHolder> holder;  // of its lock: the download is running
};

struct SnapshotFacts {
  std::map<std::string, PromisedFile, std::less<>> promised;  // empty when there is no list
  std::string list_problem;                                   // why the list that is there cannot be used
  std::vector<PartialFile> partials;                          // only those whose content is not there otherwise
  std::filesystem::path locks;                                // folder of ETAG.lock files; may be empty

  /** Who works on a file, by its etag; with an empty etag, on any. */
  std::optional<LockHolder> holder(const std::string& etag) const;
};

/** Never throws on what it finds. */
SnapshotFacts snapshot_facts(const ResolvedModel& model);

/** Partials of a repo's blobs/, those with whole content beside them left out. */
std::vector<PartialFile> find_partials(const std::filesystem::path& repo, const std::filesystem::path& locks);

/** `<hub>/.locks/models--x` of the repo folder `<hub>/models--x`. */
std::filesystem::path locks_of(const std::filesystem::path& repo);

}  // namespace burin::hub
