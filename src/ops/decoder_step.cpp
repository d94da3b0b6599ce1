#include "ops/decoder_step.h"

#include "base/error.h"
#include "ops/cpu_primitive.h"

namespace burin::ops {
namespace {

void run_step(const DecoderPlan& plan, const std::vector<LayerStores>& stores, int position, int length, float* h) {
  std::vector<kernels::StepSequence> sequences(stores.front().size());
  for (size_t b = 0; b < sequences.size(); ++b) {
    sequences[b].position = position;
    sequences[b].count = length;
    for (const LayerStores& layer : stores) {
      sequences[b].layers.push_back(layer[b].get());
    }
  }
  kernels::decoder_step(plan.plan, sequences, h);
}

/** One head of one token of (B, K, S, Dh). */
const float* row_of(const mx::array& a, int64_t b, int64_t head, int64_t token) {
  return a.data<float>() + ((b * a.shape(1) + head) * a.shape(2) + token) * a.shape(3);
}

}  // namespace

mx::array decoder_step(const mx::array& h, const std::shared_ptr<const DecoderPlan>& plan,
                       std::vector<LayerStores> stores, int position, const std::optional<mx::array>& after) {
  require(h.ndim() == 3 && h.shape(2) == plan->plan.hidden && stores.size() == plan->plan.layers.size() &&
              stores.front().size() == static_cast<size_t>(h.shape(0)),
          "decoder_step", "hidden states, layers and sequences do not fit");
  const auto prepare = [plan, stores = std::move(stores), position](const std::vector<mx::array>& inputs,
                                                                    mx::array& out) {
    return [x = Elements<float>(inputs[0]), plan, stores, position, length = inputs[0].shape(1),
            size = inputs[0].size(), to = out.data<float>()] {
      std::copy_n(x.get(), size, to);
      run_step(*plan, stores, position, length, to);
    };
  };
  const auto stock = [](const std::vector<mx::array>&) -> mx::array {
    throw Error(ErrorCode::Unsupported, "decoder_step", "has no gradient");
  };
  std::vector<mx::array> inputs{as_float32(h)};
  if (after) {
    inputs.push_back(*after);
  }
  return apply("DecoderStep", h.shape(), std::move(inputs), prepare, stock);
}

mx::array stored_rows(const LayerStores& stores, int count, bool values, const mx::array& after) {
  const KvStore& first = *stores.front();
  const mx::Shape shape{static_cast<int>(stores.size()), static_cast<int>(first.kv_heads()), count,
                        static_cast<int>(first.head_dim())};
  const auto prepare = [stores, count, values](const std::vector<mx::array>&, mx::array& out) {
    return [stores, count, values, to = out.data<float>()] {
      const int64_t d = stores.front()->head_dim();
      std::vector<float> other(static_cast<size_t>(d));
      float* row = to;
      for (const auto& store : stores) {
        for (int64_t head = 0; head < store->kv_heads(); ++head) {
          for (int64_t token = 0; token < count; ++token, row += d) {
            store->read(token, head, values ? other.data() : row, values ? row : other.data());
          }
        }
      }
    };
  };
  const auto stock = [](const std::vector<mx::array>& inputs) { return mx::zeros_like(inputs[0]); };
  return apply("StoredRows", shape, {after}, prepare, stock);
}

LayerStores store_rows(const mx::array& keys, const mx::array& values, int count, int group) {
  const mx::array k = mx::contiguous(as_float32(keys));
  const mx::array v = mx::contiguous(as_float32(values));
  mx::eval(k, v);
  LayerStores stores;
  for (int b = 0; b < k.shape(0); ++b) {
    stores.push_back(std::make_shared<KvStore>(k.shape(1), k.shape(3), group));
    stores.back()->reserve(count);
    for (int head = 0; head < k.shape(1); ++head) {
      for (int token = 0; token < count; ++token) {
        stores.back()->write(token, head, row_of(k, b, head, token), row_of(v, b, head, token));
      }
    }
  }
  return stores;
}

}  // namespace burin::ops
