// The files of one commit as the Hub lists them: names checked before any becomes part of a path, and the listing's
// form on disk, trees/<commit>.json, byte for byte as Hugging Face's client writes it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace burin::hub {

struct RepoFile {
  std::string path;
  uint64_t size = 0;
  std::string blob_id;     // git's object id
  std::string lfs_sha256;  // empty for a file that git holds itself
  uint64_t lfs_size = 0;
  std::string xet_hash;  // empty: none

  /** The name of its blob in the cache: the SHA-256 of a large file, else git's id. */
  const std::string& etag() const { return lfs_sha256.empty() ? blob_id : lfs_sha256; }
  uint64_t content_size() const { return lfs_sha256.empty() ? size : lfs_size; }
};

/**
 * Refuses a name that could leave its folder or surprise another system: `..` or `.` or empty segments under / or \,
 * absolute, drive and UNC forms, control bytes, segments over 255 bytes, bytes that are no UTF-8.
 * Throws: Corrupt (type unsafe_path).
 */
void check_repo_path(std::string_view path);

/** Every name checked; none twice, none both a file and a folder, and with `fold_case` none equal but for case. */
void check_repo_paths(const std::vector<RepoFile>& files, bool fold_case);

/**
 * One page of the Hub's listing, appended to `files`; folders are passed over.
 * Throws: Corrupt (a hash that is none included).
 */
void append_tree_page(const Json& page, std::vector<RepoFile>& files);

/** The content of trees/<commit>.json; none when a xet hash is malformed, as the client then writes no file. */
std::optional<std::string> tree_json(const std::vector<RepoFile>& files);

/** Reads that back; none for anything that is not a listing this version understands. */
std::optional<std::vector<RepoFile>> parse_tree_json(std::string_view text);

}  // namespace burin::hub
