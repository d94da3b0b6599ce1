#include "hub/large_download.h"

#include <algorithm>

namespace burin::hub {
namespace {

constexpr uint64_t kNoteStep = uint64_t{4} << 20;  // between two notes in the journal

}  // namespace

LargeDownload::LargeDownload(const BlobJob& job, bool resume, DownloadCounters& counters, const SplitPolicy& policy)
    : job_(job),
      counters_(counters),
      partial_(job.place, resume),
      hash_(partial_.fd(), digest_kind(job.place.etag), job.place.size),
      split_(partial_.inherited(), job.place.size, policy),
      noted_(partial_.inherited()) {
  counters_.done = noted_;
  hash_.advance(noted_);
  // From here on the file's length says nothing about what is in it.
  split_.on_split = [this] {
    const std::lock_guard lock(mutex_);
    partial_.expect_holes(noted_, hash_.durable());
  };
}

void LargeDownload::written(uint64_t begin, uint64_t at) {
  const uint64_t front = split_.written(begin, at);
  counters_.done = split_.total();
  hash_.advance(front);
  const std::lock_guard lock(mutex_);
  if (front >= noted_ + kNoteStep) {
    partial_.note(front, hash_.durable());
    noted_ = front;
  }
}

void LargeDownload::fetch(HubClient& client, const Stretch& stretch, uint64_t& at) {
  at = stretch.first;
  const auto append = [&](std::span<const std::byte> bytes) {
    partial_.write_at(at, bytes);
    at += bytes.size();
    written(stretch.first, at);
  };
  stream_body(client, job_, stretch, append, counters_);
}

bool LargeDownload::fetch_piece(HubClient& client, const Piece& piece, bool retry) {
  uint64_t at = piece.begin;
  const auto end = [&] { return !retry && split_.is_closed() ? at : piece.end; };
  try {
    fetch(client, {.first = piece.begin, .request_end = piece.end, .end = end, .retry = retry}, at);
  } catch (const Error&) {
    if (retry) {
      throw;
    }
  }
  if (at < piece.end) {
    split_.give_back({.begin = at, .end = piece.end});
  }
  return at == piece.end;
}

void LargeDownload::stream_all(HubClient& client) {
  uint64_t at = 0;
  fetch(client, {.first = partial_.inherited(), .request_end = {}, .end = [this] { return split_.stream_end(); }}, at);
  // Pieces that helpers gave back come up again, so it ends only when every one of them is there.
  while (split_.is_split() && split_.total() < job_.place.size) {
    if (const auto piece = split_.claim(false)) {
      fetch_piece(client, *piece, true);
    } else {
      client.pause(std::chrono::milliseconds(20));
    }
  }
}

void LargeDownload::help(HubClient& client) {
  if (!split_.enter()) {
    return;
  }
  try {
    while (const auto piece = split_.claim(true)) {
      if (!fetch_piece(client, *piece, false)) {
        break;
      }
    }
  } catch (...) {
    // What it could not bring was given back: the owner meets the same trouble and says so.
  }
  split_.leave();
}

bool LargeDownload::run(HubClient& client) {
  try {
    stream_all(client);
    split_.close();
  } catch (const Error& error) {
    split_.close();
    if (error.type() == "integrity_error") {
      partial_.discard();
    } else {
      partial_.note(split_.written(0, 0), hash_.durable());
    }
    throw;
  }
  if (hash_.finish() != job_.place.etag) {
    partial_.discard();
    return false;
  }
  partial_.publish();
  return true;
}

}  // namespace burin::hub
