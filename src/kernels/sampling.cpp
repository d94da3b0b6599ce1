#include "kernels/sampling.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <iterator>
#include <limits>
#include <numeric>
#include <vector>

#include "kernels/fused_table.h"
#include "kernels/thread_pool.h"

namespace burin::kernels {
namespace {

constexpr int64_t kPiece = 4096;    // elements that one thread takes at once: its copy stays in L1
constexpr float kDepth = 6.0F;      // below the most likely one, in nats
constexpr float kDeepest = 200.0F;  // where exp is zero

/** Calls `piece(index, begin, count)` for every piece of a row, on all threads. */
template <typename Piece>
void for_pieces(int64_t columns, Piece&& piece) {
  pool().parallel_for((columns + kPiece - 1) / kPiece, 2, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      piece(static_cast<size_t>(i), i * kPiece, std::min(kPiece, columns - i * kPiece));
    }
  });
}

/** Sum of exp(x - top). Pieces add up in order: the number of threads does not show. */
double sum_exponentials(const float* x, int64_t columns, float top) {
  const FusedTable& t = fused_table();
  std::vector<float> parts(static_cast<size_t>((columns + kPiece - 1) / kPiece));
  for_pieces(columns, [&](size_t i, int64_t begin, int64_t count) {
    float copy[kPiece];
    std::copy_n(x + begin, count, copy);
    parts[i] = t.exponentials(copy, count, top);
  });
  return std::accumulate(parts.begin(), parts.end(), 0.0);
}

float log_sum_exp(const float* x, int64_t columns) {
  const float top = fused_table().largest(x, columns);
  return std::isfinite(top) ? top + static_cast<float>(std::log(sum_exponentials(x, columns, top))) : top;
}

/** Most words of a grammar's mask allow nothing or all of their tokens. */
void keep_allowed_word(const float* x, uint32_t word, int64_t count, float* out) {
  constexpr float kNever = -std::numeric_limits<float>::infinity();
  if (word == 0) {
    std::fill_n(out, count, kNever);
  } else if (word == ~uint32_t{0}) {
    std::copy_n(x, count, out);
  } else {
    for (int64_t i = 0; i < count; ++i) {
      out[i] = (word >> i & 1U) != 0 ? x[i] : kNever;
    }
  }
}

/** The least log-probability that stays: from the top down until what is above makes up `mass`. */
float least_kept(const float* x, int64_t columns, float mass) {
  std::vector<float> likely;
  const float top = fused_table().largest(x, columns);
  for (float depth = kDepth;; depth *= 2) {  // a few hundred tokens mostly; all of them in the end
    const float floor = top - depth;
    likely.clear();
    std::copy_if(x, x + columns, std::back_inserter(likely), [floor](float value) { return value >= floor; });
    std::sort(likely.begin(), likely.end(), std::greater<>());
    float above = 0.0F;
    for (size_t i = 0; i < likely.size(); ++i) {
      if (above >= mass) {
        return likely[i - 1];
      }
      above += std::exp(likely[i]);
    }
    if (above >= mass || depth > kDeepest) {
      return likely.empty() ? top : likely.back();
    }
  }
}

}  // namespace

void log_softmax(const float* x, int64_t rows, int64_t columns, float* out) {
  for (int64_t r = 0; r < rows && columns > 0; ++r) {
    const float* const from = x + r * columns;
    float* const to = out + r * columns;
    const float normalizer = log_sum_exp(from, columns);
    for_pieces(columns, [&](size_t, int64_t begin, int64_t count) {
      std::transform(from + begin, from + begin + count, to + begin,
                     [normalizer](float value) { return value - normalizer; });
    });
  }
}

void keep_largest(const float* x, int64_t rows, int64_t columns, int64_t k, float* out) {
  std::vector<float> largest(static_cast<size_t>(k));
  for (int64_t r = 0; r < rows; ++r) {
    const float* const from = x + r * columns;
    std::partial_sort_copy(from, from + columns, largest.begin(), largest.end(), std::greater<>());
    const float least = largest.back();
    auto equal = std::count(largest.begin(), largest.end(), least);
    for (int64_t i = 0; i < columns; ++i) {
      const bool kept = from[i] > least || (from[i] == least && equal-- > 0);
      out[r * columns + i] = kept ? from[i] : -std::numeric_limits<float>::infinity();
    }
  }
}

void keep_mass(const float* logprobs, int64_t rows, int64_t columns, double share, float* out) {
  for (int64_t r = 0; r < rows && columns > 0; ++r) {
    const float* const from = logprobs + r * columns;
    const auto mass = static_cast<float>(share * sum_exponentials(from, columns, 0.0F));
    const float least = least_kept(from, columns, mass);
    std::transform(from, from + columns, out + r * columns,
                   [least](float value) { return value < least ? -std::numeric_limits<float>::infinity() : value; });
  }
}

void keep_allowed(const float* x, const uint32_t* words, int64_t rows, int64_t columns, float* out) {
  constexpr int64_t kBits = 32;
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t begin = 0; begin < columns; begin += kBits) {
      const int64_t at = r * columns + begin;
      keep_allowed_word(x + at, *words++, std::min(kBits, columns - begin), out + at);
    }
  }
}

}  // namespace burin::kernels
