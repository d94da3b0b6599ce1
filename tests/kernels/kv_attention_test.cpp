#include "kernels/kv_attention.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "kernels/half.h"
#include "kernels/isa.h"
#include "random_values.h"

namespace burin::kernels {
namespace {

/** What one row sees and how. */
struct View {
  int64_t visible = 1;
  int64_t window = 0;
  double softcap = 0.0;
  double sink = -std::numeric_limits<double>::infinity();
};

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

/** Attention in double over the values that the store holds. */
std::vector<double> attention_of(const KvStore& store, const float* q, const View& view) {
  const auto d = static_cast<size_t>(store.head_dim());
  const int64_t first = view.window == 0 ? 0 : std::max<int64_t>(0, view.visible - view.window);
  std::vector<double> weights;
  std::vector<double> out(d, 0.0);
  std::vector<float> key(d), value(d);
  for (int64_t t = first; t < view.visible; ++t) {
    store.read(t, 1, key.data(), value.data());
    const double score = std::inner_product(key.begin(), key.end(), q, 0.0);
    weights.push_back(view.softcap == 0.0 ? score : view.softcap * std::tanh(score / view.softcap));
  }
  const double top = *std::max_element(weights.begin(), weights.end());
  double sum = std::exp(view.sink - top);
  for (double& weight : weights) {
    weight = std::exp(weight - top);
    sum += weight;
  }
  for (int64_t t = first; t < view.visible; ++t) {
    store.read(t, 1, key.data(), value.data());
    for (size_t i = 0; i < d; ++i) {
      out[i] += weights[static_cast<size_t>(t - first)] / sum * value[i];
    }
  }
  return out;
}

KvStore filled_store(int64_t kv_heads, int64_t head_dim, int64_t tokens, int64_t group) {
  KvStore store(kv_heads, head_dim, group);
  store.hold(0, tokens);
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

struct Choice {
  int64_t window = 0;
  float softcap = 0.0F;
  bool sinks = false;
  float size = 0.3F;  // of queries
};

/** Rows of queries that see fewer and fewer of the tokens. */
struct Rows {
  Rows(const KvStore& store, int64_t tokens, int64_t rows, const Choice& given) : choice(given), d(store.head_dim()) {
    q = random_values(static_cast<size_t>(rows * d), 4, choice.size);
    sinks = random_values(static_cast<size_t>(rows), 5, 3.0F);
    for (int64_t r = 0; r < rows; ++r) {
      visible.push_back(std::max<int64_t>(1, tokens - r));
    }
  }

  /** Of rows [begin, end) together. Shape: (end - begin, head_dim). */
  std::vector<float> attention(const KvStore& store, size_t begin, size_t end) const {
    std::vector<float> out((end - begin) * static_cast<size_t>(d));
    std::vector<const float*> from;
    std::vector<float*> to;
    for (size_t r = begin; r < end; ++r) {
      from.push_back(q.data() + r * static_cast<size_t>(d));
      to.push_back(out.data() + (r - begin) * static_cast<size_t>(d));
    }
    kv_attention(store, {.kv_head = 1,
                         .rows = static_cast<int64_t>(end - begin),
                         .q = from.data(),
                         .out = to.data(),
                         .visible = visible.data() + begin,
                         .window = choice.window,
                         .softcap = choice.softcap,
                         .sinks = choice.sinks ? sinks.data() + begin : nullptr});
    return out;
  }

  Choice choice;
  int64_t d;
  std::vector<float> q, sinks;
  std::vector<int64_t> visible;
};

/** Whether queries and weights are rounded to bfloat16 before they are multiplied. */
bool rounds_factors(Isa isa, const KvStore& store) {
  return isa == Isa::Avx512Bf16 && store.group() == 0;
}

void expect_attention(const KvStore& store, int64_t tokens, int64_t rows, const Choice& choice) {
  const Rows queries(store, tokens, rows, choice);
  const int64_t d = store.head_dim();
  for (const Isa isa : supported_isas()) {
    set_isa(isa);
    const std::vector<float> out = queries.attention(store, 0, static_cast<size_t>(rows));
    std::vector<float> q = queries.q;
    if (rounds_factors(isa, store)) {
      std::ranges::transform(q, q.begin(), [](float x) { return bfloat16_to_float(float_to_bfloat16(x)); });
    }
    // A weight is off by 2^-9 of itself at most, a value is 4 at most.
    const double tolerance = rounds_factors(isa, store) ? 4.0 / 512 : 2e-5;
    for (int64_t r = 0; r < rows; ++r) {
      const auto i = static_cast<size_t>(r);
      View view{.visible = queries.visible[i], .window = choice.window, .softcap = choice.softcap};
      if (choice.sinks) {
        view.sink = queries.sinks[i];
      }
      const auto expected = attention_of(store, q.data() + r * d, view);
      for (int64_t c = 0; c < d; ++c) {
        ASSERT_NEAR(out[static_cast<size_t>(r * d + c)], expected[static_cast<size_t>(c)], tolerance)
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
          ASSERT_NO_FATAL_FAILURE(expect_attention(store, tokens, rows, {}))
              << "heads of " << d << " in groups of " << group << ", " << tokens << " tokens, " << rows << " rows";
        }
      }
    }
  }
}

TEST_F(KvAttention, WindowsCapsAndSinks) {
  for (const int64_t group : {0, 16}) {
    for (const int64_t tokens : {1, 64, 65, 200}) {
      const KvStore store = filled_store(2, 48, tokens, group);
      for (const Choice& choice : {Choice{.window = 1}, Choice{.window = 7}, Choice{.window = 64},
                                   Choice{.window = 137}, Choice{.softcap = 4.0F, .size = 1.0F}, Choice{.sinks = true},
                                   Choice{.window = 70, .softcap = 2.0F, .sinks = true}}) {
        for (const int64_t rows : {1, 2, 9}) {
          ASSERT_NO_FATAL_FAILURE(expect_attention(store, tokens, rows, choice))
              << "groups of " << group << ", " << tokens << " tokens, window " << choice.window << ", cap "
              << choice.softcap << ", sinks " << choice.sinks << ", " << rows << " rows";
        }
      }
    }
  }
}

TEST_F(KvAttention, HeadsOfAnyLength) {
  const KvStore store = filled_store(2, 1040, 17, 0);
  expect_attention(store, 17, 9, {.size = 0.05F});
}

TEST_F(KvAttention, ARowDoesNotDependOnThoseBesideIt) {
  for (const int64_t group : {0, 16}) {
    for (const int64_t tokens : {31, 200}) {
      const KvStore store = filled_store(2, 80, tokens, group);
      const Rows queries(store, tokens, 21, {.window = 150});
      for (const Isa isa : supported_isas()) {
        set_isa(isa);
        const std::vector<float> together = queries.attention(store, 0, 21);
        for (size_t r = 0; r < 21; ++r) {
          const std::vector<float> expected(together.begin() + static_cast<std::ptrdiff_t>(r * 80),
                                            together.begin() + static_cast<std::ptrdiff_t>(r * 80 + 80));
          ASSERT_EQ(queries.attention(store, r, r + 1), expected) << name(isa) << " group " << group << " row " << r;
        }
      }
    }
  }
}

TEST_F(KvAttention, NothingBeyondTheLastTokenIsSeen) {
  for (const int64_t group : {0, 16}) {
    for (const int64_t tokens : {1, 2, 37, 63}) {
      KvStore store = filled_store(2, 48, tokens, group);
      const Rows queries(store, tokens, 1, {});
      for (const Isa isa : supported_isas()) {
        set_isa(isa);
        const std::vector<float> expected = queries.attention(store, 0, 1);
        store.write(tokens, 1, std::vector<float>(48, kNan).data(), std::vector<float>(48, kNan).data());
        EXPECT_EQ(queries.attention(store, 0, 1), expected) << name(isa) << " group " << group << ", " << tokens;
        store.write(tokens, 1, std::vector<float>(48).data(), std::vector<float>(48).data());
      }
    }
  }
}

TEST_F(KvAttention, NanAndInfinityArrive) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (const int64_t token : {0, 8, 9}) {  // of ten: the last pair is whole, or hides its second
    KvStore store = filled_store(2, 48, 10, 0);
    std::vector<float> key(48, 1.0F), value(48, 1.0F);
    value[5] = kInfinity;
    value[40] = kNan;
    store.write(token, 1, key.data(), value.data());
    for (const Isa isa : supported_isas()) {
      set_isa(isa);
      for (const int64_t tokens : {token + 1, int64_t{10}}) {
        const std::vector<float> out = Rows(store, tokens, 1, {}).attention(store, 0, 1);
        EXPECT_EQ(out[5], kInfinity) << name(isa);
        EXPECT_TRUE(std::isnan(out[40])) << name(isa);
        EXPECT_TRUE(std::isfinite(out[4]) && std::isfinite(out[41])) << name(isa);
        Rows no_number(store, tokens, 1, {});
        no_number.q[7] = kNan;
        EXPECT_TRUE(std::isnan(no_number.attention(store, 0, 1)[0])) << name(isa);
      }
    }
  }
}

TEST(KvStore, Int8IsWithinHalfAStep) {
  const std::vector<float> key = random_values(64, 5);
  const std::vector<float> value = random_values(64, 6, 3.0F);
  KvStore store(1, 64, 32);
  store.hold(0, 1);
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

TEST(KvStore, Int8RoundsToTheNearestAndToEven) {
  std::vector<float> key{127.0F, -127.0F, 0.5F, 1.5F, -2.5F, 126.5F, -126.5F, 0.49F, -0.51F, 99.7F};
  std::vector<float> rounded{127.0F, -127.0F, 0.0F, 2.0F, -2.0F, 126.0F, -126.0F, 0.0F, -1.0F, 100.0F};
  key.resize(16);
  rounded.resize(16);
  KvStore store(1, 16, 16);
  store.hold(0, 1);
  store.write(0, 0, key.data(), key.data());
  std::vector<float> k(16), v(16);
  store.read(0, 0, k.data(), v.data());
  EXPECT_EQ(k, rounded);
  EXPECT_EQ(v, rounded);
}

TEST(KvStore, Int8KeepsWhatIsNoNumber) {
  KvStore store(1, 32, 32);
  store.hold(0, 1);
  std::vector<float> key(32, 0.0F), value(32, 1.0F);
  value[3] = std::numeric_limits<float>::infinity();
  store.write(0, 0, key.data(), value.data());
  std::vector<float> k(32), v(32);
  store.read(0, 0, k.data(), v.data());
  EXPECT_EQ(k, key);
  EXPECT_TRUE(std::isnan(v[0]));
}

TEST(KvStore, StoresWhatBfloat16Holds) {
  KvStore store(1, 16);
  store.hold(0, 70);
  std::vector<float> key(16, 1.00390625F);  // halfway between two: to even
  std::vector<float> value(16, std::numeric_limits<float>::quiet_NaN());
  store.write(69, 0, key.data(), value.data());
  std::vector<float> k(16), v(16);
  store.read(69, 0, k.data(), v.data());
  EXPECT_EQ(k, std::vector<float>(16, 1.0F));
  EXPECT_TRUE(std::isnan(v[7]));
  EXPECT_EQ(store.token_bytes(), 2 * 16 * 2);
}

TEST(KvStore, GivesBackWhatLiesBeforeWhatItHolds) {
  KvStore store(1, 16);
  const int64_t chunk = KvStore::kChunk * store.token_bytes();
  const std::vector<float> one(16, 1.0F);
  std::vector<float> k(16), v(16);
  int64_t most = 0;
  for (int64_t token = 0; token < 1000; ++token) {
    store.hold(std::max<int64_t>(0, token - 99), token + 1);
    store.write(token, 0, std::vector<float>(16, static_cast<float>(token % 256)).data(), one.data());
    most = std::max(most, store.nbytes());
    const int64_t oldest = std::max<int64_t>(0, token - 99);
    store.read(oldest, 0, k.data(), v.data());
    ASSERT_EQ(k, std::vector<float>(16, static_cast<float>(oldest % 256))) << token;
  }
  EXPECT_EQ(most, 3 * chunk);  // where 100 tokens lie at most
}

TEST(KvStore, HoldsTheEndOfALongTextAlone) {
  KvStore store(2, 32, 16);
  store.hold(100'000, 100'030);
  EXPECT_EQ(store.nbytes(), KvStore::kChunk * store.token_bytes());
}

}  // namespace
}  // namespace burin::kernels
