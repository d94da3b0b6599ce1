// One blob from the Hub into the cache: streamed, resumed, hashed to its last byte before it gets its name.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "hub/hub_client.h"
#include "hub/partial.h"

namespace burin::hub {

/** How far a download is; read by others while it runs. */
struct DownloadCounters {
  std::atomic<uint64_t> done{0};      // bytes of the content that are here
  std::atomic<uint64_t> received{0};  // bytes that came over the network
};

struct BlobJob {
  HubSubject subject;  // revision is the commit
  BlobPlace place;
  std::function<void(std::string_view content)> write_small;  // gives a blob that is at hand its name
};

/**
 * Leaves `<blobs_dir>/<etag>` whole. Content with another hash is thrown away and fetched once more.
 * Throws: Corrupt (type integrity_error), Network, NotFound, Permission, ResourceExhausted, Cancelled.
 */
void download_blob(HubClient& client, const BlobJob& job, DownloadCounters& counters);

/** Whether the whole file has this hash. Throws: what reading it does. */
bool file_has_hash(const std::filesystem::path& file, const std::string& etag);

}  // namespace burin::hub
