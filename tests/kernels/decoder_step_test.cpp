#include "kernels/decoder_step.h"

#include <gtest/gtest.h>

#include <deque>
#include <numeric>

#include "kernels/isa.h"
#include "kernels/thread_pool.h"
#include "matrix.h"

namespace burin::kernels {
namespace {

std::vector<float> random_values(size_t count, uint32_t seed, float scale = 1.0F) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0.0F, scale);
  std::vector<float> values(count);
  for (float& value : values) {
    value = normal(random);
  }
  return values;
}

/** Attention in double over the values that the store holds. */
std::vector<double> attention_of(const KvStore& store, int64_t kv_head, const float* q, int64_t visible) {
  const auto d = static_cast<size_t>(store.head_dim());
  std::vector<double> weights;
  std::vector<double> out(d, 0.0);
  std::vector<float> key(d), value(d);
  for (int64_t t = 0; t < visible; ++t) {
    store.read(t, kv_head, key.data(), value.data());
    weights.push_back(std::inner_product(key.begin(), key.end(), q, 0.0));
  }
  const double top = *std::max_element(weights.begin(), weights.end());
  double sum = 0.0;
  for (double& weight : weights) {
    weight = std::exp(weight - top);
    sum += weight;
  }
  for (int64_t t = 0; t < visible; ++t) {
    store.read(t, kv_head, key.data(), value.data());
    for (size_t i = 0; i < d; ++i) {
      out[i] += weights[static_cast<size_t>(t)] / sum * value[i];
    }
  }
  return out;
}

KvStore filled_store(int64_t kv_heads, int64_t head_dim, int64_t tokens, int64_t group) {
  KvStore store(kv_heads, head_dim, group);
  store.reserve(tokens);
  const std::vector<float> values = random_values(static_cast<size_t>(tokens * kv_heads * head_dim * 2), 3);
  const float* at = values.data();
  for (int64_t t = 0; t < tokens; ++t) {
    for (int64_t head = 0; head < kv_heads; ++head, at += 2 * head_dim) {
      store.write(t, head, at, at + head_dim);
    }
  }
  return store;
}

class KvAttention : public ::testing::Test {
 protected:
  void TearDown() override { set_isa(supported_isas().back()); }
};

/** Rows of queries that see fewer and fewer of the tokens, on every instruction set. */
void expect_attention(const KvStore& store, int64_t tokens, int64_t rows) {
  const int64_t d = store.head_dim();
  const std::vector<float> q = random_values(static_cast<size_t>(rows * d), 4, 0.3F);
  std::vector<float> out(q.size());
  std::vector<const float*> from;
  std::vector<float*> to;
  std::vector<int64_t> visible;
  for (int64_t r = 0; r < rows; ++r) {
    from.push_back(q.data() + r * d);
    to.push_back(out.data() + r * d);
    visible.push_back(std::max<int64_t>(1, tokens - r));
  }
  for (const Isa isa : supported_isas()) {
    set_isa(isa);
    kv_attention(store, {1, rows, from.data(), to.data(), visible.data()});
    for (int64_t r = 0; r < rows; ++r) {
      const auto expected = attention_of(store, 1, from[static_cast<size_t>(r)], visible[static_cast<size_t>(r)]);
      for (int64_t i = 0; i < d; ++i) {
        ASSERT_NEAR(out[static_cast<size_t>(r * d + i)], expected[static_cast<size_t>(i)], 2e-5)
            << name(isa) << " row " << r;
      }
    }
  }
}

TEST_F(KvAttention, EqualsSoftmaxOverTheVisibleTokens) {
  for (const int64_t d : {16, 48, 64, 80, 128}) {
    for (const int64_t group : {int64_t{0}, d, int64_t{16}}) {
      for (const int64_t tokens : {1, 15, 16, 17, 63, 64, 65, 150}) {
        const KvStore store = filled_store(2, d, tokens, group);
        for (const int64_t rows : {1, 2, 3, 5, 11}) {
          ASSERT_NO_FATAL_FAILURE(expect_attention(store, tokens, rows))
              << "heads of " << d << " in groups of " << group << ", " << tokens << " tokens, " << rows << " rows";
        }
      }
    }
  }
}

TEST_F(KvAttention, Int8IsWithinHalfAStep) {
  const std::vector<float> key = random_values(64, 5);
  const std::vector<float> value = random_values(64, 6, 3.0F);
  KvStore store(1, 64, 32);
  store.reserve(1);
  store.write(0, 0, key.data(), value.data());
  std::vector<float> k(64), v(64);
  store.read(0, 0, k.data(), v.data());
  const auto expect_near = [](const std::vector<float>& got, const std::vector<float>& given) {
    for (size_t g = 0; g < 64; g += 32) {
      float top = 0.0F;
      for (size_t i = g; i < g + 32; ++i) {
        top = std::max(top, std::abs(given[i]));
      }
      for (size_t i = g; i < g + 32; ++i) {
        EXPECT_NEAR(got[i], given[i], top / 253);
      }
    }
  };
  expect_near(k, key);
  expect_near(v, value);
  EXPECT_EQ(store.token_bytes(), 2 * (64 + 2 * 4));
}

TEST_F(KvAttention, Int8KeepsWhatIsNoNumber) {
  KvStore store(1, 32, 32);
  store.reserve(1);
  std::vector<float> key(32, 0.0F), value(32, 1.0F);
  value[3] = std::numeric_limits<float>::infinity();
  store.write(0, 0, key.data(), value.data());
  std::vector<float> k(32), v(32);
  store.read(0, 0, k.data(), v.data());
  EXPECT_EQ(k, key);
  EXPECT_TRUE(std::isnan(v[0]));
}

TEST_F(KvAttention, StoresWhatBfloat16Holds) {
  KvStore store(1, 16);
  store.reserve(70);
  std::vector<float> key(16, 1.00390625F);  // halfway between two: to even
  std::vector<float> value(16, std::numeric_limits<float>::quiet_NaN());
  store.write(69, 0, key.data(), value.data());
  std::vector<float> k(16), v(16);
  store.read(69, 0, k.data(), v.data());
  EXPECT_EQ(k, std::vector<float>(16, 1.0F));
  EXPECT_TRUE(std::isnan(v[7]));
  EXPECT_EQ(store.token_bytes(), 2 * 16 * 2);
}

/** A decoder of two layers with every choice of a plan: biases, head norms, norms after, partial rotation. */
class SmallDecoder {
 public:
  static constexpr int64_t kHidden = 64, kHeads = 4, kKvHeads = 2, kHeadDim = 32, kIntermediate = 96;

  explicit SmallDecoder(bool with_options) {
    plan.hidden = kHidden;
    for (uint32_t i = 0; i < 2; ++i) {
      StepLayer layer;
      layer.heads = kHeads;
      layer.kv_heads = kKvHeads;
      layer.head_dim = kHeadDim;
      layer.scale = 0.17F;
      layer.rope = {.dims = with_options ? 16 : 32, .traditional = with_options, .frequencies = numbers(16, 1, 0.1F)};
      layer.before_attention = norm(kHidden);
      layer.before_ffn = norm(kHidden);
      if (with_options) {
        layer.residual_scale = 0.5F;
        layer.after_attention = norm(kHidden);
        layer.after_ffn = norm(kHidden);
        layer.q_norm = norm(kHeadDim);
        layer.k_norm = norm(kHeadDim);
      }
      layer.qkv = {linear(kHeads * kHeadDim, kHidden, with_options), linear(kKvHeads * kHeadDim, kHidden, with_options),
                   linear(kKvHeads * kHeadDim, kHidden, with_options)};
      layer.o = linear(kHidden, kHeads * kHeadDim, with_options);
      layer.gate = linear(kIntermediate, kHidden, false);
      layer.up = linear(kIntermediate, kHidden, false);
      layer.down = linear(kHidden, kIntermediate, with_options);
      layer.intermediate = kIntermediate;
      layer.activation = with_options ? StepActivation::GeluTanh : StepActivation::Silu;
      plan.layers.push_back(std::move(layer));
    }
  }

  StepPlan plan;

 private:
  const float* numbers(size_t count, uint32_t seed, float scale) {
    return kept_.emplace_back(random_values(count, seed, scale)).data();
  }
  StepNorm norm(int64_t count) { return {numbers(static_cast<size_t>(count), ++seed_, 1.0F), 1e-5F}; }
  StepLinear linear(int64_t rows, int64_t columns, bool bias) {
    const RandomMatrix from({rows, columns, 4, 32, ScaleType::BF16}, ++seed_);
    const QuantizedMatrix view = from.view();
    PackedMatrix w{nullptr, view.scale_type, rows, columns, 32, 4};
    auto& memory = memory_.emplace_back(static_cast<size_t>(w.nbytes()));
    pack(view, 0, w.panels(), memory.data());
    w.data = memory.data();
    return {w, bias ? numbers(static_cast<size_t>(rows), ++seed_, 0.1F) : nullptr};
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

class DecoderStep : public ::testing::TestWithParam<bool> {
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
  for (const Isa isa : supported_isas()) {
    set_isa(isa);
    Stores stores;
    const std::vector<float> y = run(stores, h, 0);
    for (size_t i = 0; i < y.size(); ++i) {
      ASSERT_NEAR(y[i], expected[i], 0.03) << name(isa);  // a last bit may change how an activation is rounded
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Options, DecoderStep, ::testing::Bool());

}  // namespace
}  // namespace burin::kernels
