#include "ops/decoder_step.h"

#include "base/error.h"
#include "ops/cpu_primitive.h"

namespace burin::ops {
namespace {

void run_step(const DecoderPlan& plan, const std::vector<StepTokens>& sequences, float* h) {
  std::vector<kernels::StepSequence> parts;
  for (const StepTokens& tokens : sequences) {
    parts.push_back({.layers = {}, .position = tokens.position, .count = tokens.count});
    for (const auto& store : tokens.stores) {
      parts.back().layers.push_back(store.get());
    }
  }
  kernels::decoder_step(plan.plan, parts, h);
}

bool fits(const mx::array& h, const StepPlan& plan, const std::vector<StepTokens>& sequences) {
  int64_t rows = 0;
  for (const StepTokens& tokens : sequences) {
    if (tokens.stores.size() != plan.layers.size()) {
      return false;
    }
    rows += tokens.count;
  }
  return h.ndim() > 0 && h.shape(-1) == plan.hidden && static_cast<int64_t>(h.size()) == rows * plan.hidden;
}

/** One head of one token of (B, K, S, Dh). */
const float* row_of(const mx::array& a, int64_t b, int64_t head, int64_t token) {
  return a.data<float>() + ((b * a.shape(1) + head) * a.shape(2) + token) * a.shape(3);
}

}  // namespace

mx::array decoder_step(const mx::array& h, const std::shared_ptr<const DecoderPlan>& plan,
                       std::vector<StepTokens> sequences, const std::vector<mx::array>& after) {
  require(fits(h, plan->plan, sequences), "decoder_step", "hidden states, layers and sequences do not fit");
  const auto prepare = [plan, sequences = std::move(sequences)](const std::vector<mx::array>& inputs, mx::array& out) {
    return [x = Elements<float>(inputs[0]), plan, sequences, size = inputs[0].size(), to = out.data<float>()] {
      std::copy_n(x.get(), size, to);
      run_step(*plan, sequences, to);
    };
  };
  const auto stock = [](const std::vector<mx::array>&) -> mx::array {
    throw Error(ErrorCode::Unsupported, "decoder_step", "has no gradient");
  };
  std::vector<mx::array> inputs{as_float32(h)};
  inputs.insert(inputs.end(), after.begin(), after.end());
  return apply("DecoderStep", h.shape(), std::move(inputs), prepare, stock);
}

mx::array stored_rows(const LayerStores& stores, const TokenRange& range, bool values, const mx::array& after) {
  const KvStore& first = *stores.front();
  const mx::Shape shape{static_cast<int>(stores.size()), static_cast<int>(first.kv_heads()), range.end - range.begin,
                        static_cast<int>(first.head_dim())};
  const auto prepare = [stores, range, values](const std::vector<mx::array>&, mx::array& out) {
    return [stores, range, values, to = out.data<float>()] {
      const int64_t d = stores.front()->head_dim();
      std::vector<float> other(static_cast<size_t>(d));
      float* row = to;
      for (const auto& store : stores) {
        for (int64_t head = 0; head < store->kv_heads(); ++head) {
          for (int64_t token = range.begin; token < range.end; ++token, row += d) {
            store->read(token, head, values ? other.data() : row, values ? row : other.data());
          }
        }
      }
    };
  };
  const auto stock = [](const std::vector<mx::array>& inputs) { return mx::zeros_like(inputs[0]); };
  return apply("StoredRows", shape, {after}, prepare, stock);
}

LayerStores store_rows(const mx::array& keys, const mx::array& values, int first, int group) {
  const mx::array k = mx::contiguous(as_float32(keys));
  const mx::array v = mx::contiguous(as_float32(values));
  mx::eval(k, v);
  LayerStores stores;
  for (int b = 0; b < k.shape(0); ++b) {
    stores.push_back(std::make_shared<KvStore>(k.shape(1), k.shape(3), group));
    stores.back()->hold(first, first + k.shape(2));
    for (int head = 0; head < k.shape(1); ++head) {
      for (int i = 0; i < k.shape(2); ++i) {
        stores.back()->write(first + i, head, row_of(k, b, head, i), row_of(v, b, head, i));
      }
    }
  }
  return stores;
}

}  // namespace burin::ops
