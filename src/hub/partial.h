// The file a blob grows in, beside the blobs under a name of its own, until it moves to the name of its hash.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "hub/journal.h"

namespace burin::hub {

struct BlobPlace {
  std::filesystem::path blobs_dir;
  std::filesystem::path state_dir;  // burin's own; may be empty
  std::string etag;
  uint64_t size = 0;
};

/**
 * Locked by flock while it is open, so that no two processes write one. Left in place when it is dropped unfinished,
 * for the next run. Threads: write_at from several, the rest from one.
 */
class Partial {
 public:
  /** `resume`: takes over what an earlier run of burin left. Throws: Permission, ResourceExhausted. */
  Partial(BlobPlace place, bool resume);
  ~Partial();
  Partial(const Partial&) = delete;
  Partial& operator=(const Partial&) = delete;

  /** How much an earlier run left. */
  uint64_t inherited() const { return inherited_; }
  int fd() const { return fd_; }
  void write_at(uint64_t position, std::span<const std::byte> bytes) const;
  /** Remembers the beginning that is written, `durable` of it flushed. */
  void note(uint64_t written, uint64_t durable);
  /** Said before anything is written beyond a hole. */
  void expect_holes(uint64_t written, uint64_t durable);
  /** Flushes it and gives it the blob's name. */
  void publish();
  /** Removes it, what is wrong with it being told by the caller. */
  void discard();

 private:
  bool claim();
  bool claim_name(const std::string& old_name, const JournalEntry& entry);
  void create();
  void reserve();

  BlobPlace place_;
  Journal journal_;
  JournalEntry entry_;
  int fd_ = -1;
  uint64_t inherited_ = 0;
};

/** How much of the blob an earlier run left that the next one goes on from; takes nothing over. */
uint64_t resumable_bytes(const BlobPlace& place);

/** Throws: ResourceExhausted (type disk_full; facts needed_bytes and free_bytes) when `folder` has less room. */
void check_disk_space(const std::filesystem::path& folder, uint64_t needed_bytes);

}  // namespace burin::hub
