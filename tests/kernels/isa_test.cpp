#include "kernels/isa.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/error.h"

namespace burin::kernels {
namespace {

constexpr Isa kEvery[] = {Isa::Scalar,     Isa::Avx2,       Isa::Avx512Bw, Isa::AvxVnni,
                          Isa::Avx512Vnni, Isa::Avx512Bf16, Isa::Neon,     Isa::NeonI8mm};

class InstructionSets : public ::testing::Test {
 protected:
  static bool listed(Isa isa) {
    const std::vector<Isa> all = supported_isas();
    return std::ranges::find(all, isa) != all.end();
  }
  void TearDown() override { set_isa(supported_isas().back()); }
};

TEST_F(InstructionSets, HaveNamesOfTheirOwn) {
  std::set<std::string_view> names;
  for (const Isa each : kEvery) {
    EXPECT_TRUE(names.insert(name(each)).second) << name(each);
  }
}

TEST_F(InstructionSets, AreForceableWhereSupportedAndRefusedElsewhere) {
  for (const Isa each : kEvery) {
    ASSERT_EQ(is_supported(each), listed(each)) << name(each);
    if (listed(each)) {
      set_isa(each);
      EXPECT_EQ(isa(), each);
      continue;
    }
    const Isa before = isa();
    try {
      set_isa(each);
      FAIL() << name(each);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::Unsupported);
      EXPECT_NE(std::string_view(error.what()).find(name(each)), std::string_view::npos) << error.what();
    }
    EXPECT_EQ(isa(), before);
  }
}

TEST_F(InstructionSets, TheBestIsTheDefaultAndTheScalarFormIsAlwaysThere) {
  EXPECT_EQ(isa(), supported_isas().back());
  EXPECT_EQ(supported_isas().front(), Isa::Scalar);
}

/** AVX-512 with VNNI runs its plainer form, AVX2, and AVX-VNNI's kernel in its own encoding. */
TEST_F(InstructionSets, ContainWhatTheyStandOn) {
  for (const Isa contained : {Isa::Avx2, Isa::Avx512Bw, Isa::AvxVnni}) {
    EXPECT_GE(is_supported(contained), is_supported(Isa::Avx512Vnni)) << name(contained);
  }
  EXPECT_GE(is_supported(Isa::Avx512Vnni), is_supported(Isa::Avx512Bf16));
  EXPECT_GE(is_supported(Isa::Avx2), is_supported(Isa::AvxVnni));
  EXPECT_GE(is_supported(Isa::Neon), is_supported(Isa::NeonI8mm));
}

}  // namespace
}  // namespace burin::kernels
