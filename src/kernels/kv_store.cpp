#include "kernels/kv_store.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "kernels/half.h"

namespace burin::kernels {
namespace {

/** `count` numbers as int8, `stride` apart; returns what one step is worth: NaN where some number is none. */
float round_group(const float* from, int64_t count, int8_t* to, int64_t stride) {
  int32_t bits = 0;  // of the largest magnitude: in order as integers, what is no number above all others
  for (int64_t i = 0; i < count; ++i) {
    bits = std::max(bits, std::bit_cast<int32_t>(from[i]) & 0x7fffffff);
  }
  if (bits >= 0x7f800000) {
    for (int64_t i = 0; i < count; ++i) {
      to[i * stride] = 0;
    }
    return std::numeric_limits<float>::quiet_NaN();
  }
  const auto largest = std::bit_cast<float>(bits);
  const float inverse = largest > 0.0F ? 127.0F / largest : 0.0F;
  for (int64_t i = 0; i < count; ++i) {
    const float rounded = from[i] * inverse + 0x1.8p23F;  // whose last bits are the nearest integer's
    to[i * stride] = static_cast<int8_t>(std::bit_cast<int32_t>(rounded));
  }
  return largest / 127.0F;
}

}  // namespace

void KvStore::hold(int64_t begin, int64_t end) {
  chunks_.resize(std::max(chunks_.size(), static_cast<size_t>((end + kChunk - 1) / kChunk)));
  for (; first_ < begin / kChunk; ++first_) {
    if (auto& chunk = chunks_[static_cast<size_t>(first_)]) {
      spare_ = std::move(chunk);
    }
  }
  for (int64_t i = std::max(first_, begin / kChunk); i * kChunk < end; ++i) {
    auto& chunk = chunks_[static_cast<size_t>(i)];
    if (chunk == nullptr) {
      chunk = spare_ ? std::move(spare_) : std::make_unique<std::byte[]>(static_cast<size_t>(kv_heads_ * head_bytes()));
    }
  }
}

int64_t KvStore::nbytes() const {
  const auto held = std::count_if(chunks_.begin(), chunks_.end(), [](const auto& chunk) { return chunk != nullptr; });
  return (held + (spare_ ? 1 : 0)) * kv_heads_ * head_bytes();
}

void KvStore::write(int64_t token, int64_t kv_head, const float* key, const float* value) {
  const int64_t t = token % kChunk;
  if (group_ == 0) {
    const auto to = view<uint16_t>(token / kChunk, kv_head);
    uint16_t* const keys = to.keys + key_at(t, 0);
    uint16_t* const values = to.values + value_at(t, 0);
    for (int64_t d = 0; d < head_dim_; d += 2) {
      keys[d * kBlock] = float_to_bfloat16(key[d]);
      keys[d * kBlock + 1] = float_to_bfloat16(key[d + 1]);
      values[2 * d] = float_to_bfloat16(value[d]);
      values[2 * d + 2] = float_to_bfloat16(value[d + 1]);
    }
    return;
  }
  const auto to = view<int8_t>(token / kChunk, kv_head);
  for (int64_t g = 0; g < groups(); ++g) {
    const int64_t d = g * group_;
    to.key_scales[g * kChunk + t] = round_group(key + d, group_, to.keys + key_at(t, d), kBlock);
    to.value_scales[t * groups() + g] = round_group(value + d, group_, to.values + value_at(t, d), 1);
  }
}

void KvStore::read(int64_t token, int64_t kv_head, float* key, float* value) const {
  const int64_t t = token % kChunk;
  if (group_ == 0) {
    const auto from = view<uint16_t>(token / kChunk, kv_head);
    for (int64_t d = 0; d < head_dim_; ++d) {
      key[d] = bfloat16_to_float(from.keys[key_at(t, d)]);
      value[d] = bfloat16_to_float(from.values[value_at(t, d)]);
    }
    return;
  }
  const auto from = view<int8_t>(token / kChunk, kv_head);
  for (int64_t d = 0; d < head_dim_; ++d) {
    const int64_t g = d / group_;
    key[d] = from.key_scales[g * kChunk + t] * static_cast<float>(from.keys[key_at(t, d)]);
    value[d] = from.value_scales[t * groups() + g] * static_cast<float>(from.values[value_at(t, d)]);
  }
}

}  // namespace burin::kernels
