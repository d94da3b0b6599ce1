#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <numeric>

#include "nn/quantized_cache.h"
#include "nn/step_cache.h"
#include "random_decoder.h"

namespace burin::nn {
namespace {

constexpr int kWindow = 8;

/** One way in which a family stretches the decoder. */
struct Variation {
  const char* name;
  std::function<void(DecoderSpec&)> change;
};

/** The same change of every layer. */
std::function<void(DecoderSpec&)> each_layer(const std::function<void(LayerSpec&)>& change) {
  return [change](DecoderSpec& spec) {
    for (LayerSpec& layer : spec.layers) {
      change(layer);
    }
  };
}

void layer_norms(LayerSpec& layer) {
  layer.norm = {.kind = NormKind::Layer, .bias = true};
}

void windows(DecoderSpec& spec) {
  spec.layers[0].attention.window = kWindow;
  spec.layers[2].attention.window = 3 * kWindow;
}

std::function<void(DecoderSpec&)> plain_ffn(Activation activation) {
  return each_layer([activation](LayerSpec& layer) {
    layer.ffn.gated = false;
    layer.ffn.bias = true;
    layer.ffn.activation = activation;
  });
}

std::function<void(DecoderSpec&)> head_norm(QkNorm kind, bool after_rope) {
  return each_layer([=](LayerSpec& layer) {
    layer.attention.qk_norm = kind;
    layer.attention.norm_after_rope = after_rope;
  });
}

std::function<void(DecoderSpec&)> gate_up(GateUpLayout layout, Activation activation) {
  return each_layer([=](LayerSpec& layer) {
    layer.ffn.layout = layout;
    layer.ffn.activation = activation;
    layer.ffn.limit = 1.0;
  });
}

const std::vector<Variation> kVariations{
    {"Llama", [](DecoderSpec&) {}},
    {"Windows", windows},
    {"Softcap", each_layer([](LayerSpec& layer) { layer.attention.softcap = 1.5; })},
    {"Temperature", each_layer([](LayerSpec& layer) {
       layer.attention.temperature_beta = 0.5;
       layer.attention.temperature_length = 16;
     })},
    {"LayerNorms", each_layer(layer_norms)},
    {"LayerNormsWithoutWeights",
     each_layer([](LayerSpec& layer) { layer.norm = {.kind = NormKind::Layer, .weight = false}; })},
    {"RmsNormsWithoutWeights", each_layer([](LayerSpec& layer) { layer.norm.weight = false; })},
    {"NormsPlusOne", each_layer([](LayerSpec& layer) { layer.norm.plus_one = true; })},
    {"NormsAfter",
     [](DecoderSpec& spec) {
       spec.names.layer.before_attention = spec.names.layer.before_ffn = "";
       spec.names.layer.after_attention = "post_attention_layernorm";
       spec.names.layer.after_ffn = "post_feedforward_layernorm";
     }},
    {"ParallelWithOneNorm",
     [](DecoderSpec& spec) {
       each_layer([](LayerSpec& layer) { layer.parallel = true; })(spec);
       spec.names.layer.before_ffn = "";
     }},
    {"ParallelWithTwoNorms", each_layer([](LayerSpec& layer) {
       layer.parallel = true;
       layer.residual_scale = 0.5;
       layer_norms(layer);
     })},
    {"GroupedProjections", each_layer([](LayerSpec& layer) {
       layer.attention.layout = QkvLayout::Groups;
       layer.attention.qkv_bias = layer.attention.o_bias = true;
     })},
    {"BlocksOfProjections", each_layer([](LayerSpec& layer) { layer.attention.layout = QkvLayout::Blocks; })},
    {"HeadNorms", head_norm(QkNorm::PerHead, false)},
    {"HeadNormsAfterRope", head_norm(QkNorm::PerHead, true)},
    {"WholeNorms", head_norm(QkNorm::Whole, false)},
    {"NormsOfEachHead", head_norm(QkNorm::EachHead, false)},
    {"NormsOfAListOfHeads", head_norm(QkNorm::HeadList, true)},
    {"PlainSilu", plain_ffn(Activation::Silu)},
    {"PlainGelu", plain_ffn(Activation::Gelu)},
    {"PlainGeluTanh", plain_ffn(Activation::GeluTanh)},
    {"PlainRelu2", plain_ffn(Activation::Relu2)},
    {"PlainXieLU", plain_ffn(Activation::XieLU)},
    {"GatedGelu", gate_up(GateUpLayout::Separate, Activation::Gelu)},
    {"GatedRelu2", gate_up(GateUpLayout::GateFirst, Activation::Relu2)},
    {"GatedFromTheSecondHalf", gate_up(GateUpLayout::UpFirst, Activation::Silu)},
    {"AlternatingGeGelu", gate_up(GateUpLayout::Alternating, Activation::GeGelu)},
    {"NoRope", [](DecoderSpec& spec) { spec.layers[1].attention.rope.dims = 0; }},
    {"DynamicRope", each_layer([](LayerSpec& layer) {
       layer.attention.rope.kind = RopeKind::Dynamic;
       layer.attention.rope.factor = 2.0;
       layer.attention.rope.max_position_embeddings = 64;
     })},
    {"LearnedPositions", [](DecoderSpec& spec) { spec.names.positions = "positions"; }},
};

class DecoderPlan : public ::testing::TestWithParam<Variation> {
 protected:
  DecoderPlan() { GetParam().change(spec_); }

  void SetUp() override { decoder_.emplace(planned_decoder(spec_)); }

  /** Caches that layers run over one by one. */
  CacheList plain() const { return make_caches({}, shapes()); }
  CacheList steps() const {
    CacheList caches;
    for (const CacheShape& shape : shapes()) {
      caches.push_back(std::make_unique<StepCache>(shape));
    }
    return caches;
  }
  CacheList steps_of(const CacheList& from) const {
    CacheList caches;
    for (size_t i = 0; i < from.size(); ++i) {
      caches.push_back(make_step_cache(*from[i], shapes()[i]));
    }
    return caches;
  }
  std::vector<CacheShape> shapes() const {
    std::vector<CacheShape> shapes;
    for (const LayerSpec& layer : spec_.layers) {
      shapes.push_back({.kv_heads = layer.attention.kv_heads,
                        .head_dim = layer.attention.head_dim,
                        .window = layer.attention.window});
    }
    return shapes;
  }

  /** Shapes: (count). */
  static mx::array ids(int count, uint64_t seed) {
    return mx::random::randint(0, 50, {count}, mx::int32, mx::random::key(seed));
  }
  /** Shapes: (count, D). */
  mx::array run(const mx::array& ids, CacheList& cache) const {
    mx::array h = mx::squeeze(decoder_->hidden(mx::expand_dims(ids, 0), cache), 0);
    h.eval();
    return h;
  }
  /** Runs `ids` in pieces of the lengths given. */
  mx::array run_in(const std::vector<int>& lengths, const mx::array& ids, CacheList& cache) const {
    std::vector<mx::array> rows;
    int begin = 0;
    for (const int length : lengths) {
      rows.push_back(run(mx::slice(ids, {begin}, {begin + length}), cache));
      begin += length;
    }
    return mx::concatenate(rows, 0);
  }

  DecoderSpec spec_ = small_spec();
  std::optional<Decoder> decoder_;
};

INSTANTIATE_TEST_SUITE_P(Variations, DecoderPlan, ::testing::ValuesIn(kVariations),
                         [](const auto& test) { return test.param.name; });

/** Root mean square of a - b in units of that of b. */
float error(const mx::array& a, const mx::array& b) {
  const auto size = [](const mx::array& x) { return std::sqrt(mx::mean(mx::square(x)).item<float>()); };
  return size(mx::subtract(a, b)) / size(b);
}

constexpr float kClose = 0.03F;  // keys and values are rounded to bfloat16, and then activations to other steps

const std::vector<int> kLengths{30, 1, 1, 7, 1, 1, 1, 140, 1, 1};

TEST_P(DecoderPlan, IsWhatTheLayersGive) {
  ASSERT_TRUE(decoder_->has_plan());
  const mx::array text = ids(184, 1);
  CacheList layers = plain();
  CacheList step = steps();
  EXPECT_LT(error(run_in(kLengths, text, step), run_in(kLengths, text, layers)), kClose);
}

TEST_P(DecoderPlan, RaggedBatchesAreEachSequenceAlone) {
  const std::vector<int> held{0, 3, 40, 17, 1};
  const std::vector<int> counts{5, 1, 30, 2, 1};
  std::vector<CacheList> alone, together;
  std::vector<mx::array> fresh, expected;
  std::vector<SequencePart> parts;
  together.reserve(held.size());
  for (size_t i = 0; i < held.size(); ++i) {
    alone.push_back(steps());
    together.push_back(steps());
    if (held[i] > 0) {
      run(ids(held[i], 10 + i), alone.back());
      run(ids(held[i], 10 + i), together.back());
    }
    fresh.push_back(ids(counts[i], 20 + i));
    const int wanted = std::min(counts[i], static_cast<int>(i));
    const mx::array rows = run(fresh.back(), alone.back());
    expected.push_back(mx::slice(rows, {counts[i] - wanted, 0}, rows.shape()));
    parts.push_back({.cache = &together.back(), .count = counts[i], .wanted = wanted});
  }
  const mx::array got = decoder_->wanted_hidden(mx::concatenate(fresh, 0), parts);
  EXPECT_TRUE(mx::array_equal(got, mx::concatenate(expected, 0)).item<bool>());
  const mx::array newest = mx::slice(expected.back(), {0, 0}, {1, spec_.hidden_size});
  const mx::array logits = decoder_->head(got);
  EXPECT_TRUE(mx::array_equal(mx::slice(logits, {logits.shape(0) - 1, 0}, logits.shape()), decoder_->head(newest))
                  .item<bool>());
  for (size_t i = 0; i < held.size(); ++i) {
    EXPECT_EQ(together[i].front()->offset(), held[i] + counts[i]);
    EXPECT_TRUE(mx::array_equal(run(ids(1, 5), together[i]), run(ids(1, 5), alone[i])).item<bool>());
  }
}

TEST_P(DecoderPlan, RaggedBatchesRunWithoutStepsToo) {
  CacheList one = plain(), two = plain(), step = steps(), other = steps();
  run(ids(4, 1), one);
  CacheList first = plain();
  run(ids(4, 1), first);
  const mx::array got = decoder_->wanted_hidden(
      ids(6, 2), {{.cache = &one, .count = 2}, {.cache = &two, .count = 3, .wanted = 0}, {.cache = &step, .count = 1}});
  const mx::array expected =
      mx::concatenate({mx::slice(run(mx::slice(ids(6, 2), {0}, {2}), first), {1, 0}, {2, spec_.hidden_size}),
                       run(mx::slice(ids(6, 2), {5}, {6}), other)},
                      0);
  EXPECT_TRUE(mx::array_equal(got, expected).item<bool>());
  EXPECT_EQ(two.front()->offset(), 3);
}

TEST_P(DecoderPlan, NothingMayBeWanted) {
  CacheList step = steps();
  const mx::array rows = decoder_->wanted_hidden(ids(3, 1), {{.cache = &step, .count = 3, .wanted = 0}});
  EXPECT_EQ(rows.shape(), (mx::Shape{0, spec_.hidden_size}));
  mx::eval(decoder_->head(rows));
  CacheList other = steps();
  run(ids(3, 1), other);
  EXPECT_TRUE(mx::array_equal(run(ids(1, 2), step), run(ids(1, 2), other)).item<bool>());
}

TEST_P(DecoderPlan, ASavedCacheGoesOnBitForBit) {
  const mx::array text = ids(60, 1);
  CacheList kept = steps();
  run(text, kept);
  CacheList read;
  for (size_t i = 0; i < kept.size(); ++i) {
    read.push_back(make_cache(kept[i]->state(), shapes()[i]));
  }
  CacheList restored = steps_of(read);
  for (const int count : {1, 5, 1}) {
    EXPECT_TRUE(mx::array_equal(run(ids(count, 2), restored), run(ids(count, 2), kept)).item<bool>());
  }
}

TEST_P(DecoderPlan, TokensAreTakenBack) {
  if (spec_.layers[0].attention.rope.kind == RopeKind::Dynamic) {
    GTEST_SKIP() << "keys depend on the pieces in which the text came";
  }
  const mx::array text = ids(500, 1);
  for (const int kept : {4, 50, 150, 430}) {
    CacheList cache = steps();
    run(mx::slice(text, {0}, {kept + 60}), cache);
    run_in(std::vector<int>(4, 1), ids(4, 2), cache);
    ASSERT_TRUE(trim(cache, 64)) << kept;
    CacheList fresh = steps();
    run(mx::slice(text, {0}, {kept}), fresh);
    const mx::array more = ids(40, 3);
    EXPECT_TRUE(mx::array_equal(run_in({1, 30, 9}, more, cache), run_in({1, 30, 9}, more, fresh)).item<bool>()) << kept;
  }
}

/** Only layers with a window. */
class WindowPlan : public DecoderPlan {};

INSTANTIATE_TEST_SUITE_P(Variations, WindowPlan, ::testing::Values(Variation{"Windows", windows}));

TEST_P(WindowPlan, GoesOnFromRotatingCaches) {
  for (const std::vector<int>& lengths : {std::vector<int>(20, 1), {20}, {3}, {7, 1, 12}, {12, 1, 1, 1, 5}}) {
    const int count = std::accumulate(lengths.begin(), lengths.end(), 0);
    CacheList layers = plain();
    run_in(lengths, ids(count, 1), layers);
    CacheList step = steps_of(layers);
    EXPECT_LT(error(run_in({1, 4, 1}, ids(6, 2), step), run_in({1, 4, 1}, ids(6, 2), layers)), kClose);
  }
}

TEST_P(WindowPlan, KvBitsLeaveWindowsAsTheyAre) {
  for (const int bits : {8, 4}) {
    CacheList layers = plain();
    CacheList step = steps();
    run(ids(20, 1), layers);
    run(ids(20, 1), step);
    quantize_caches(step, {.bits = bits, .group_size = 32, .start = 0});
    EXPECT_EQ(dynamic_cast<const StepCache*>(step[0].get()) != nullptr, bits == 8);
    EXPECT_LT(error(run_in({1, 4, 1}, ids(6, 2), step), run_in({1, 4, 1}, ids(6, 2), layers)),
              bits == 8 ? 0.03F : 0.2F);
  }
}

TEST_P(WindowPlan, HoldsNoMoreThanTheWindow) {
  CacheList step = steps();
  run(ids(300, 1), step);
  EXPECT_EQ(step[0]->nbytes(), kWindow * 2 * 2 * 2 * 32);
  EXPECT_EQ(step[1]->nbytes(), 300 * 2 * 2 * 2 * 32);
}

TEST_P(WindowPlan, TakesBackNoMoreThanItHolds) {
  CacheList step = steps();
  run(ids(300, 1), step);
  EXPECT_FALSE(trim(step, 65));
  ASSERT_TRUE(step[0]->is_trimmable(5, 6));
  ASSERT_TRUE(step[0]->is_trimmable(64, 70));
  ASSERT_FALSE(step[0]->is_trimmable(65, 70));
  ASSERT_TRUE(trim(step, 40));
  EXPECT_FALSE(trim(step, 25));
  run(ids(30, 2), step);
  EXPECT_FALSE(trim(step, 55));
  EXPECT_TRUE(trim(step, 54));
  CacheList restored;
  for (size_t i = 0; i < step.size(); ++i) {
    restored.push_back(make_step_cache(*make_cache(step[i]->state(), shapes()[i]), shapes()[i]));
  }
  EXPECT_FALSE(trim(restored, 1));
}

}  // namespace
}  // namespace burin::nn
