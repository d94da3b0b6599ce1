// A stretch of a file's content from the Hub, strictly one piece after another, over as many connections as it takes.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
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

struct Stretch {
  uint64_t first = 0;
  std::optional<uint64_t> request_end;  // what the Hub is asked for; none: the rest of the file
  std::function<uint64_t()> end;        // where it really ends; may come nearer meanwhile
  bool retry = true;                    // else one attempt, whose failure is silent
};

/**
 * Returns the position reached: the end, or less where `retry` is off. An attempt that brought a MiB does not count as
 * failed. Throws: Network, Corrupt (integrity_error: more than was promised), and what `append` throws.
 */
uint64_t stream_body(HubClient& client, const BlobJob& job, const Stretch& stretch,
                     const std::function<void(std::span<const std::byte>)>& append, DownloadCounters& counters);

/** The error of content that is not what the Hub lists. */
Error wrong_content(const BlobJob& job, std::string_view why);

}  // namespace burin::hub
