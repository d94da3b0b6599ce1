// The files of one pull, fetched by several threads, watched by the one that called.
#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "hub/hub_client.h"
#include "hub/pull.h"
#include "hub/pull_target.h"

namespace burin::hub {

struct PullFiles {
  std::string repo;
  std::string commit;
  std::filesystem::path state_dir;
  ClientOptions client;
  int jobs = 8;
};

/** A file that is not in the snapshot yet. */
struct WantedFile {
  RepoFile file;
  bool fetch = true;     // else its blob is there and only the link lacks
  bool replace = false;  // what is there is damaged
};

HubSubject subject_of(const PullFiles& context, const RepoFile& file);

/** Throws the first error of any thread, after all of them came to rest. Returns the bytes that came over the network.
 */
uint64_t pull_files(PullTarget& target, const PullFiles& context, std::vector<WantedFile> wanted,
                    const std::atomic<bool>& cancel, const PullListener& listener);

}  // namespace burin::hub
