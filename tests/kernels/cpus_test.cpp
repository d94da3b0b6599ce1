#include "kernels/cpus.h"

#include <gtest/gtest.h>

namespace burin::kernels {
namespace {

TEST(Cpus, ReadsTheQuotaOfACgroup) {
  EXPECT_EQ(parse_cpu_max("200000 100000"), 2);
  EXPECT_EQ(parse_cpu_max("150000 100000"), 2);
  EXPECT_EQ(parse_cpu_max("5000 100000"), 1);
}

TEST(Cpus, TakesAnythingElseAsNoLimit) {
  for (const char* line : {"", "max 100000", "max", "100000", "100000 ", "x y", "0 100000", "100000 0", "-1 100000",
                           "99999999999999999999 1", "1 99999999999999999999"}) {
    EXPECT_FALSE(parse_cpu_max(line)) << line;
  }
}

TEST(Cpus, ThereIsAtLeastOne) {
  EXPECT_GE(available_cpus(), 1);
}

}  // namespace
}  // namespace burin::kernels
