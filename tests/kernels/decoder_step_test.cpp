#include "kernels/decoder_step.h"

#include <gtest/gtest.h>

#include <cmath>
#include <deque>

#include "kernels/isa.h"
#include "kernels/thread_pool.h"
#include "matrix.h"
#include "random_values.h"

namespace burin::kernels {
namespace {

enum class Kind { Plain, Sandwich, Parallel, After };

/** A decoder of two layers; the kinds have every choice of a plan between them. */
class SmallDecoder {
 public:
  static constexpr int64_t kHidden = 64, kHeads = 4, kKvHeads = 2, kHeadDim = 32, kIntermediate = 96;
  static constexpr int64_t kQkv = (kHeads + 2 * kKvHeads) * kHeadDim, kWindow = 70;

  explicit SmallDecoder(Kind kind) {
    plan.hidden = kHidden;
    for (int i = 0; i < 2; ++i) {
      StepLayer layer;
      layer.attention = {.heads = kHeads, .kv_heads = kKvHeads, .head_dim = kHeadDim, .scale = 0.17F};
      layer.ffn.intermediate = kIntermediate;
      layer.attention.o = linear(kHidden, kHeads * kHeadDim, kind != Kind::Plain);
      layer.ffn.down = linear(kHidden, kIntermediate, kind != Kind::Plain);
      layer.attention.rope = {.dims = 32, .frequencies = numbers(16, 0.1F)};
      switch (kind) {
        case Kind::Plain:
          plain(layer);
          break;
        case Kind::Sandwich:
          sandwich(layer);
          break;
        case Kind::Parallel:
          parallel(layer);
          break;
        case Kind::After:
          after(layer);
          layer.attention.window = i == 0 ? kWindow : 0;
          break;
      }
      plan.layers.push_back(std::move(layer));
    }
  }

  StepPlan plan;

 private:
  void separate(StepLayer& layer, bool bias) {
    layer.attention.qkv = {linear(kHeads * kHeadDim, kHidden, bias), linear(kKvHeads * kHeadDim, kHidden, bias),
                           linear(kKvHeads * kHeadDim, kHidden, bias)};
    layer.ffn.gate = linear(kIntermediate, kHidden, bias);
    layer.ffn.up = linear(kIntermediate, kHidden, bias);
  }
  void plain(StepLayer& layer) {
    layer.before_attention = norm(kHidden);
    layer.before_ffn = norm(kHidden);
    separate(layer, false);
  }
  void sandwich(StepLayer& layer) {
    plain(layer);
    separate(layer, true);
    layer.after_attention = norm(kHidden);
    layer.after_ffn = norm(kHidden);
    layer.residual_scale = 0.5F;
    layer.attention.rope.dims = 16;
    layer.attention.rope.traditional = true;
    layer.attention.rope.input_scale = 1.25F;
    layer.attention.q_norm = {.norm = norm(kHeadDim)};
    layer.attention.k_norm = {.norm = norm(kHeadDim)};
    layer.attention.temperature_beta = 0.3F;
    layer.attention.temperature_length = 64;
    layer.ffn.activation = StepActivation::GeluTanh;
  }
  void parallel(StepLayer& layer) {
    layer.parallel = true;
    layer.before_attention = layer_norm(kHidden, true);
    layer.before_ffn = layer_norm(kHidden, false);
    layer.attention.qkv = {linear(kQkv, kHidden, true)};
    layer.attention.grouped = true;
    layer.attention.q_norm = {.norm = layer_norm(kHeads * kHeadDim, false), .stride = kHeadDim};
    layer.attention.k_norm = {.norm = layer_norm(kKvHeads * kHeadDim, false), .stride = kHeadDim};
    layer.attention.norm_after_rope = true;
    layer.attention.window = kWindow;
    layer.attention.softcap = 2.0F;
    layer.ffn.up = linear(kIntermediate, kHidden, true);
    layer.ffn.activation = StepActivation::Relu2;
  }
  void after(StepLayer& layer) {
    layer.after_attention = norm(kHidden);
    layer.after_ffn = norm(kHidden);
    separate(layer, false);
    layer.attention.q_norm = {.norm = norm(kHeads * kHeadDim), .whole = true};
    layer.attention.k_norm = {.norm = norm(kKvHeads * kHeadDim), .whole = true};
    layer.attention.sinks = numbers(kHeads, 2.0F);
    layer.ffn.gate = layer.ffn.up = linear(2 * kIntermediate, kHidden, true);
    layer.ffn.alternating = true;
    layer.ffn.activation = StepActivation::GeGelu;
    layer.ffn.limit = 2.0F;
  }

  const float* numbers(size_t count, float scale) {
    return kept_.emplace_back(random_values(count, ++seed_, scale)).data();
  }
  StepNorm norm(int64_t count) {
    return {.kind = StepNormKind::Rms, .weight = numbers(static_cast<size_t>(count), 1.0F), .eps = 1e-5F};
  }
  StepNorm layer_norm(int64_t count, bool bias) {
    StepNorm made = norm(count);
    made.kind = StepNormKind::Layer;
    made.bias = bias ? numbers(static_cast<size_t>(count), 0.1F) : nullptr;
    return made;
  }
  StepLinear linear(int64_t rows, int64_t columns, bool bias) {
    const RandomMatrix from({rows, columns, 4, 32, ScaleType::BF16}, ++seed_);
    const QuantizedMatrix view = from.view();
    PackedMatrix w{nullptr, view.scale_type, rows, columns, 32, 4};
    auto& memory = memory_.emplace_back(static_cast<size_t>(w.nbytes()));
    pack(view, 0, w.panels(), memory.data());
    w.data = memory.data();
    return {w, bias ? numbers(static_cast<size_t>(rows), 0.1F) : nullptr};
  }

  uint32_t seed_ = 10;
  std::deque<std::vector<float>> kept_;
  std::deque<std::vector<std::byte>> memory_;
};

/** The stores of one sequence. */
struct Stores {
  Stores() {
    for (int i = 0; i < 2; ++i) {
      layers.emplace_back(SmallDecoder::kKvHeads, SmallDecoder::kHeadDim);
    }
  }
  StepSequence sequence(int64_t position, int64_t count) { return {{&layers[0], &layers[1]}, position, count}; }
  std::deque<KvStore> layers;
};

class DecoderStep : public ::testing::TestWithParam<Kind> {
 protected:
  void TearDown() override {
    set_isa(supported_isas().back());
    set_pool_threads(0);
  }
  SmallDecoder decoder{GetParam()};

  std::vector<float> run(Stores& stores, std::vector<float> h, int64_t position) {
    const StepSequence sequence = stores.sequence(position, static_cast<int64_t>(h.size()) / SmallDecoder::kHidden);
    decoder_step(decoder.plan, {&sequence, 1}, h.data());
    return h;
  }
  static std::vector<float> part(const std::vector<float>& h, int64_t begin, int64_t end) {
    return {h.begin() + begin * SmallDecoder::kHidden, h.begin() + end * SmallDecoder::kHidden};
  }
};

TEST_P(DecoderStep, DoesNotDependOnHowTheTextIsCut) {
  const std::vector<float> h = random_values(300 * SmallDecoder::kHidden, 1);
  Stores at_once;
  const std::vector<float> expected = run(at_once, h, 0);
  Stores in_parts;
  const std::vector<int64_t> cuts{0, 1, 70, 71, 72, 299, 300};
  for (size_t i = 0; i + 1 < cuts.size(); ++i) {
    ASSERT_EQ(run(in_parts, part(h, cuts[i], cuts[i + 1]), cuts[i]), part(expected, cuts[i], cuts[i + 1]));
  }
}

TEST_P(DecoderStep, ForgetsWhatLiesBeyondItsPosition) {
  const std::vector<float> h = random_values(20 * SmallDecoder::kHidden, 2);
  Stores stores;
  const std::vector<float> expected = run(stores, h, 0);
  run(stores, random_values(15 * SmallDecoder::kHidden, 3), 5);
  EXPECT_EQ(run(stores, part(h, 5, 20), 5), part(expected, 5, 20));
}

TEST_P(DecoderStep, SequencesOfAnyLengthShareAStep) {
  const std::vector<int64_t> held{0, 3, 64, 17, 1, 90, 5, 33};
  const std::vector<int64_t> counts{4, 1, 1, 7, 1, 1, 260, 2};
  std::deque<Stores> apart(held.size());
  std::deque<Stores> together(held.size());
  std::vector<StepSequence> sequences;
  std::vector<float> all;
  std::vector<float> expected;
  for (size_t i = 0; i < held.size(); ++i) {
    const auto seed = static_cast<uint32_t>(i);
    const std::vector<float> before = random_values(static_cast<size_t>(held[i]) * SmallDecoder::kHidden, 50 + seed);
    const std::vector<float> now = random_values(static_cast<size_t>(counts[i]) * SmallDecoder::kHidden, 90 + seed);
    run(apart[i], before, 0);
    run(together[i], before, 0);
    const std::vector<float> alone = run(apart[i], now, held[i]);
    expected.insert(expected.end(), alone.begin(), alone.end());
    all.insert(all.end(), now.begin(), now.end());
    sequences.push_back(together[i].sequence(held[i], counts[i]));
  }
  decoder_step(decoder.plan, sequences, all.data());
  EXPECT_EQ(all, expected);
}

TEST_P(DecoderStep, SameOnAnyNumberOfThreadsAndNearlyOnAnyInstructionSet) {
  const std::vector<float> h = random_values(40 * SmallDecoder::kHidden, 7);
  Stores first;
  const std::vector<float> expected = run(first, h, 0);
  for (const int threads : {1, 5}) {
    set_pool_threads(threads);
    Stores stores;
    EXPECT_EQ(run(stores, h, 0), expected);
  }
  set_isa(Isa::Scalar);
  Stores plain;
  const std::vector<float> scalar = run(plain, h, 0);
  for (const Isa isa : supported_isas()) {
    set_isa(isa);
    Stores stores;
    const std::vector<float> y = run(stores, h, 0);
    double squares = 0.0;
    const bool rounds_queries = isa == Isa::Avx512Bf16;  // and weights of values: near on the average
    for (size_t i = 0; i < y.size(); ++i) {
      if (!rounds_queries) {
        ASSERT_NEAR(y[i], scalar[i], 0.042) << name(isa);  // a last bit may change how an activation is rounded
      }
      squares += std::pow(y[i] - scalar[i], 2.0);
    }
    EXPECT_LT(std::sqrt(squares / static_cast<double>(y.size())), rounds_queries ? 0.04 : 0.005) << name(isa);
  }
}

TEST_P(DecoderStep, AWindowIsAllThatIsHeld) {
  Stores stores;
  run(stores, random_values(700 * SmallDecoder::kHidden, 8), 0);
  run(stores, random_values(SmallDecoder::kHidden, 9), 700);
  const int64_t chunk = KvStore::kChunk * stores.layers[0].token_bytes();
  for (size_t i = 0; i < 2; ++i) {
    const bool window = decoder.plan.layers[i].attention.window != 0;
    EXPECT_EQ(stores.layers[i].nbytes() / chunk, window ? 4 : 11);
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, DecoderStep,
                         ::testing::Values(Kind::Plain, Kind::Sandwich, Kind::Parallel, Kind::After));

}  // namespace
}  // namespace burin::kernels
