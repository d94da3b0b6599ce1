// One blob from the Hub into the cache: streamed, resumed, hashed to its last byte before it gets its name.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "hub/large_download.h"

namespace burin::hub {

/** Told of a large download while it runs, so that others may help it; null when it has ended. */
using LargeListener = std::function<void(std::shared_ptr<LargeDownload>)>;

/**
 * Leaves `<blobs_dir>/<etag>` whole. Content with another hash is thrown away and fetched once more.
 * Throws: Corrupt (type integrity_error), Network, NotFound, Permission, ResourceExhausted, Cancelled.
 */
void download_blob(HubClient& client, const BlobJob& job, DownloadCounters& counters, const LargeListener& on_large);

/** Whether the whole file has this hash. Throws: Cancelled, and what reading it does. */
bool file_has_hash(const std::filesystem::path& file, const std::string& etag, const std::atomic<bool>& cancel);

}  // namespace burin::hub
