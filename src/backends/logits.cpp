#include "backends/logits.h"

#include <fmt/core.h>

#include <algorithm>
#include <span>

#include "base/error.h"
#include "generate/generate_step.h"

namespace burin::backends {
namespace {

namespace mx = mlx::core;

void check(const engine::LogitsRequest& request, int vocab_size) {
  generate::check_ids(request.tokens, vocab_size);
  if (request.chunk < 0) {
    throw Error(ErrorCode::InvalidArgument, "logits",
                fmt::format("chunk must not be negative, but is {}", request.chunk))
        .fact("param", "chunk");
  }
  if (request.steps < 0 || static_cast<size_t>(request.steps) > request.tokens.size()) {
    throw Error(ErrorCode::InvalidArgument, "logits",
                fmt::format("steps must be between 0 and the number of tokens ({}), but is {}", request.tokens.size(),
                            request.steps))
        .fact("param", "steps");
  }
}

}  // namespace

engine::Logits compute_logits(const models::Model& model, const engine::LogitsRequest& request,
                              int64_t max_piece_bytes) {
  const int vocab_size = model.facts().vocab_size;
  check(request, vocab_size);
  const int total = static_cast<int>(request.tokens.size());
  const int prefill = total - request.steps;
  const auto fitting = static_cast<int>(
      std::clamp<int64_t>(max_piece_bytes / (int64_t{vocab_size} * static_cast<int64_t>(sizeof(float))), 1, total));
  const int chunk = std::min(request.chunk == 0 ? prefill : request.chunk, fitting);

  engine::Logits result{.rows = total, .vocab_size = vocab_size};
  result.values.reserve(static_cast<size_t>(total) * vocab_size);
  nn::CacheList cache = model.make_cache();
  for (int done = 0; done < total;) {
    const int count = done < prefill ? std::min(chunk, prefill - done) : 1;
    const mx::array ids(request.tokens.data() + done, {1, count});
    mx::array rows = mx::contiguous(mx::astype(model.logits(ids, cache), mx::float32));
    mx::eval(rows);
    BURIN_CHECK(rows.size() == static_cast<size_t>(count) * vocab_size);
    result.values.insert(result.values.end(), rows.data<float>(), rows.data<float>() + rows.size());
    done += count;
  }
  return result;
}

}  // namespace burin::backends
