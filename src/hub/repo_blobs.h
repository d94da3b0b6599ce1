// Which blobs of a cached repo its revisions link to, and taking away those that none does.
#pragma once

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>

namespace burin::hub {

/** Names of the blobs that links anywhere below a snapshot lead to. Throws: Permission when not all of it is read. */
std::set<std::string> linked_blobs(const std::filesystem::path& snapshot);

/** Those of all snapshots of a repo, one left out. Throws: as linked_blobs. */
std::set<std::string> linked_blobs_of_repo(const std::filesystem::path& repo, const std::string& without);

/** Bytes of regular files below a folder; a file with several names counts once. */
uint64_t bytes_below(const std::filesystem::path& folder);

/** Bytes that go when these blobs of a repo go, in its own folder and in the shared store. */
uint64_t blob_bytes(const std::filesystem::path& repo, const std::set<std::string>& blobs);

/**
 * Removes these blobs of a repo unless a revision links to one or its lock is held, and what of the shared store
 * nobody needs any more; returns the bytes freed. Safe beside running downloads.
 */
uint64_t drop_blobs(const std::filesystem::path& repo, const std::set<std::string>& blobs);

}  // namespace burin::hub
