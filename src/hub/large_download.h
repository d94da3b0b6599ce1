// A file that is too large for memory: into a partial file, hashed behind what is written, by one thread or by several.
#pragma once

#include "hub/body_stream.h"
#include "hub/hash_follower.h"
#include "hub/split_download.h"

namespace burin::hub {

class LargeDownload {
 public:
  /** Throws: Permission, ResourceExhausted. */
  LargeDownload(const BlobJob& job, bool resume, DownloadCounters& counters, const SplitPolicy& policy = {});

  /** The owner's work. True when the content had its hash and is in place; else nothing is left of it. */
  bool run(HubClient& client);
  /** Work for another thread that has nothing to do: returns at once when none is wanted. Never throws. */
  void help(HubClient& client);

 private:
  void stream_all(HubClient& client);
  /** `at` follows the position, also when it throws. */
  void fetch(HubClient& client, const Stretch& stretch, uint64_t& at);
  /** False when a helper could not bring all of the piece. */
  bool fetch_piece(HubClient& client, const Piece& piece, bool retry);
  void written(uint64_t begin, uint64_t at);

  const BlobJob& job_;
  DownloadCounters& counters_;
  Partial partial_;
  HashFollower hash_;
  SplitDownload split_;
  std::mutex mutex_;
  uint64_t noted_;
};

}  // namespace burin::hub
