#include "hub/split_download.h"

#include <algorithm>

namespace burin::hub {

SplitDownload::SplitDownload(uint64_t have, uint64_t size, const SplitPolicy& policy)
    : start_(have), size_(size), policy_(policy), extents_{{0, have}}, stream_end_(size), next_(size) {}

uint64_t SplitDownload::front() const {
  uint64_t end = 0;
  for (const auto& [begin, until] : extents_) {
    if (begin > end) {
      break;
    }
    end = std::max(end, until);
  }
  return end;
}

uint64_t SplitDownload::written(uint64_t begin, uint64_t at) {
  const std::lock_guard lock(mutex_);
  uint64_t& until = extents_[begin == start_ ? 0 : begin];
  until = std::max(until, at);
  changed_.notify_all();
  return front();
}

uint64_t SplitDownload::total() const {
  const std::lock_guard lock(mutex_);
  uint64_t sum = 0;
  for (const auto& [begin, until] : extents_) {
    sum += until - begin;
  }
  return sum;
}

bool SplitDownload::pays() const {
  const uint64_t have = front();
  const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - began_;
  return spent >= policy_.after && size_ - have >= policy_.least_rest &&
         static_cast<double>(have - start_) < policy_.slow_bytes_per_s * spent.count();
}

bool SplitDownload::enter() {
  const std::lock_guard lock(mutex_);
  if (closed_ || helped_in_vain_ || helpers_ >= policy_.helpers || !pays()) {
    return false;
  }
  if (!split_) {
    on_split();
    split_ = true;
    // The stream goes on for one more piece, then its connection is as good as the others'.
    stream_end_ = std::min(size_, front() + policy_.piece);
    next_ = stream_end_;
  }
  ++helpers_;
  return true;
}

void SplitDownload::leave() {
  const std::lock_guard lock(mutex_);
  --helpers_;
  changed_.notify_all();
}

std::optional<Piece> SplitDownload::claim(bool wait) {
  std::unique_lock lock(mutex_);
  const auto ready = [&] {
    return closed_ || !returned_.empty() || next_ >= size_ || next_ + policy_.piece <= front() + policy_.ahead;
  };
  if (wait) {
    changed_.wait(lock, ready);
  }
  if (closed_ || !ready()) {
    return std::nullopt;
  }
  if (!returned_.empty()) {
    const Piece piece = returned_.front();
    returned_.pop_front();
    return piece;
  }
  if (next_ >= size_) {
    return std::nullopt;
  }
  const Piece piece{.begin = next_, .end = std::min(size_, next_ + policy_.piece)};
  next_ = piece.end;
  return piece;
}

void SplitDownload::give_back(Piece piece) {
  const std::lock_guard lock(mutex_);
  returned_.push_back(piece);
  helped_in_vain_ = true;
  changed_.notify_all();
}

void SplitDownload::close() {
  std::unique_lock lock(mutex_);
  closed_ = true;
  changed_.notify_all();
  changed_.wait(lock, [this] { return helpers_ == 0; });
}

}  // namespace burin::hub
