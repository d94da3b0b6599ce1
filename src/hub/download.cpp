#include "hub/download.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "base/file.h"
#include "hub/digest.h"
#include "hub/hash_follower.h"

namespace burin::hub {
namespace {

constexpr uint64_t kSmall = uint64_t{4} << 20;     // held in memory until its hash is known
constexpr uint64_t kNoteStep = uint64_t{8} << 20;  // between two notes in the journal
constexpr uint64_t kProgress = uint64_t{1} << 20;  // what an attempt must bring to count as none that failed

/** Where content goes: strictly one piece after another. */
using Append = std::function<void(std::span<const std::byte>)>;

Error wrong_content(const BlobJob& job, std::string_view why) {
  return Error(ErrorCode::Corrupt, job.subject.file, fmt::format("{}: {}", job.subject.file, why))
      .type("integrity_error")
      .fact("file", job.subject.file)
      .hint("nothing wrong was kept; try again, and without a proxy if there is one");
}

/** Brings the rest of the file, over as many connections as it takes while there is progress. */
void stream(HubClient& client, const BlobJob& job, uint64_t have, const Append& append, DownloadCounters& counters) {
  int failures = 0;
  uint64_t progress_from = have;
  while (have < job.place.size || job.place.size == 0) {
    const FileRequest request{.subject = job.subject,
                              .etag = job.place.etag,
                              .size = job.place.size,
                              .first = have,
                              .end = {},
                              .sink = [&](uint64_t position, std::span<const std::byte> bytes) {
                                counters.received += bytes.size();
                                // A server that ignores ranges begins anew: what is here already is passed over.
                                const uint64_t known =
                                    have > position ? std::min<uint64_t>(have - position, bytes.size()) : 0;
                                bytes = bytes.subspan(known);
                                if (bytes.size() > job.place.size - have) {
                                  throw wrong_content(job, "more bytes come than were promised");
                                }
                                append(bytes);
                                have += bytes.size();
                                counters.done = have;
                                return true;
                              }};
    const HttpResponse response = client.get_file(request);
    if (have == job.place.size && response.failure == TransportFailure::None && response.status / 100 == 2) {
      return;
    }
    failures = have - progress_from >= kProgress ? 0 : failures + 1;
    progress_from = have;
    if (failures > client.retries()) {
      throw hub_error(response, job.subject);
    }
    client.wait(std::max(0, failures - 1), response, job.subject.file);
  }
}

/** True when the content had its hash and is in place. */
bool download_small(HubClient& client, const BlobJob& job, DownloadCounters& counters) {
  std::string content;
  content.reserve(job.place.size);
  const Append append = [&](std::span<const std::byte> bytes) {
    content.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  };
  stream(client, job, 0, append, counters);
  Digest digest(digest_kind(job.place.etag), job.place.size);
  digest.update(std::as_bytes(std::span(content)));
  if (digest.hex() != job.place.etag) {
    return false;
  }
  job.write_small(content);
  return true;
}

bool download_large(HubClient& client, const BlobJob& job, bool resume, DownloadCounters& counters) {
  Partial partial(job.place, resume);
  HashFollower hash(partial.fd(), digest_kind(job.place.etag), job.place.size);
  uint64_t have = partial.inherited();
  uint64_t noted = have;
  counters.done = have;
  hash.advance(have);
  const auto note = [&] {
    partial.note(have, hash.durable());
    noted = have;
  };
  const Append append = [&](std::span<const std::byte> bytes) {
    partial.write_at(have, bytes);
    have += bytes.size();
    hash.advance(have);
    if (have - noted >= kNoteStep) {
      note();
    }
  };
  try {
    stream(client, job, have, append, counters);
  } catch (const Error& error) {
    if (error.type() == "integrity_error") {
      partial.discard();
    } else {
      note();
    }
    throw;
  }
  if (hash.finish() != job.place.etag) {
    partial.discard();
    return false;
  }
  partial.publish();
  return true;
}

}  // namespace

void download_blob(HubClient& client, const BlobJob& job, DownloadCounters& counters) {
  for (const bool first : {true, false}) {
    counters.done = 0;
    const bool right =
        job.place.size <= kSmall ? download_small(client, job, counters) : download_large(client, job, first, counters);
    if (right) {
      return;
    }
  }
  throw wrong_content(job, "what comes has not the hash that the Hub lists for it");
}

bool file_has_hash(const std::filesystem::path& path, const std::string& etag) {
  const InputFile file(path);
  Digest digest(digest_kind(etag), file.size());
  std::vector<std::byte> block(kProgress);
  for (uint64_t at = 0; at < file.size();) {
    const auto piece = std::span(block).first(std::min<uint64_t>(block.size(), file.size() - at));
    file.read_at(at, piece);
    digest.update(piece);
    at += piece.size();
  }
  return digest.hex() == etag;
}

}  // namespace burin::hub
