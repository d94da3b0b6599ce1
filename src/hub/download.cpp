#include "hub/download.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "base/file.h"
#include "hub/digest.h"

namespace burin::hub {
namespace {

constexpr uint64_t kSmall = uint64_t{4} << 20;  // held in memory until its hash is known
constexpr uint64_t kBlock = uint64_t{1} << 20;

/** True when the content had its hash and is in place. */
bool download_small(HubClient& client, const BlobJob& job, DownloadCounters& counters) {
  std::string content;
  content.reserve(job.place.size);
  const auto append = [&](std::span<const std::byte> bytes) {
    content.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    counters.done = content.size();
  };
  stream_body(client, job, {.request_end = {}, .end = [&] { return job.place.size; }}, append, counters);
  Digest digest(digest_kind(job.place.etag), job.place.size);
  digest.update(std::as_bytes(std::span(content)));
  if (digest.hex() != job.place.etag) {
    return false;
  }
  job.write_small(content);
  return true;
}

bool download_large(HubClient& client, const BlobJob& job, bool resume, DownloadCounters& counters,
                    const LargeListener& on_large) {
  const auto download = std::make_shared<LargeDownload>(job, resume, counters);
  on_large(download);
  const std::shared_ptr<void> ended(nullptr, [&](void*) { on_large(nullptr); });
  return download->run(client);
}

}  // namespace

void download_blob(HubClient& client, const BlobJob& job, DownloadCounters& counters, const LargeListener& on_large) {
  for (const bool first : {true, false}) {
    counters.done = 0;
    const bool right = job.place.size <= kSmall ? download_small(client, job, counters)
                                                : download_large(client, job, first, counters, on_large);
    if (right) {
      return;
    }
  }
  throw wrong_content(job, "what comes has not the hash that the Hub lists for it");
}

bool file_has_hash(const std::filesystem::path& path, const std::string& etag, const std::atomic<bool>& cancel) {
  const InputFile file(path);
  Digest digest(digest_kind(etag), file.size());
  std::vector<std::byte> block(kBlock);
  for (uint64_t at = 0; at < file.size();) {
    if (cancel) {
      throw Error(ErrorCode::Cancelled, "pull", "interrupted");
    }
    const auto piece = std::span(block).first(std::min<uint64_t>(block.size(), file.size() - at));
    file.read_at(at, piece);
    digest.update(piece);
    at += piece.size();
  }
  return digest.hex() == etag;
}

}  // namespace burin::hub
