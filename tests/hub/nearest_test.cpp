#include "hub/nearest.h"

#include <gmock/gmock.h>

namespace burin::hub {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const std::vector<std::string> kNames{"mlx-community/Qwen3-4B", "run", "show", "starter"};

TEST(Nearest, FindsTypos) {
  EXPECT_THAT(nearest_names("rnu", kNames, 1), ElementsAre("run"));
  EXPECT_THAT(nearest_names("STARTR", kNames, 3), ElementsAre("starter"));
  EXPECT_THAT(nearest_names("qwen3-8b", kNames, 3), ElementsAre("mlx-community/Qwen3-4B"));
}

TEST(Nearest, PrefersTheBeginningOfAName) {
  EXPECT_THAT(nearest_names("--temp", {"--help", "--temperature"}, 1), ElementsAre("--temperature"));
}

TEST(Nearest, SaysNothingAboutDistantWords) {
  EXPECT_THAT(nearest_names("completely-else", kNames, 3), IsEmpty());
  EXPECT_THAT(nearest_names(std::string(100000, 'x'), kNames, 3), IsEmpty());
}

}  // namespace
}  // namespace burin::hub
