#include "hub/body_stream.h"

#include <algorithm>

#include <fmt/format.h>

namespace burin::hub {
namespace {

constexpr uint64_t kProgress = uint64_t{1} << 20;  // what an attempt must bring to count as none that failed

}  // namespace

Error wrong_content(const BlobJob& job, std::string_view why) {
  return Error(ErrorCode::Corrupt, job.subject.file, fmt::format("{}: {}", job.subject.file, why))
      .type("integrity_error")
      .fact("file", job.subject.file)
      .hint("nothing wrong was kept; try again, and without a proxy if there is one");
}

uint64_t stream_body(HubClient& client, const BlobJob& job, const Stretch& stretch,
                     const std::function<void(std::span<const std::byte>)>& append, DownloadCounters& counters) {
  uint64_t have = stretch.first;
  const auto take = [&](uint64_t position, std::span<const std::byte> bytes) {
    counters.received += bytes.size();
    // A server that ignores ranges begins anew: what is here already is passed over.
    bytes = bytes.subspan(have > position ? std::min<uint64_t>(have - position, bytes.size()) : 0);
    if (bytes.size() > job.place.size - have) {
      throw wrong_content(job, "more bytes come than were promised");
    }
    const uint64_t end = stretch.end();
    bytes = bytes.first(std::min<uint64_t>(bytes.size(), end > have ? end - have : 0));
    append(bytes);
    have += bytes.size();
    return have < end || end == job.place.size;
  };
  int failures = 0;
  while (have < stretch.end() || job.place.size == 0) {
    const uint64_t before = have;
    const HttpResponse response = client.get_file({.subject = job.subject,
                                                   .etag = job.place.etag,
                                                   .size = job.place.size,
                                                   .first = have,
                                                   .end = stretch.request_end,
                                                   .sink = take});
    const bool whole = response.stopped || (response.failure == TransportFailure::None && response.status / 100 == 2);
    if (!stretch.retry || (have >= stretch.end() && whole)) {
      break;
    }
    failures = have - before >= kProgress ? 0 : failures + 1;
    if (failures > client.retries()) {
      throw hub_error(response, job.subject);
    }
    client.wait(std::max(0, failures - 1), response, job.subject.file);
  }
  return have;
}

}  // namespace burin::hub
