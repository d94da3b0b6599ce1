#include "ops/runtime.h"

#include <gtest/gtest.h>

#include "kernels/isa.h"

namespace burin::ops {
namespace {

TEST(Runtime, ThreadsAreTheOnesAskedFor) {
  set_threads(3);
  EXPECT_EQ(threads(), 3);
  set_threads(0);
  EXPECT_GE(threads(), 1);
}

TEST(Runtime, FactsNameWhatIsInForce) {
  configure_cpu();
  const RuntimeFacts facts = runtime_facts();
  EXPECT_EQ(facts.isa, kernels::name(kernels::supported_isas().back()));
  EXPECT_EQ(facts.threads, threads());
#if defined(__linux__)
  EXPECT_NE(facts.blas_library.find("openblas"), std::string::npos) << facts.blas_library;
#endif
}

}  // namespace
}  // namespace burin::ops
