#include "hub/paths.h"

#include <gtest/gtest.h>

namespace burin::hub {
namespace {

TEST(Paths, TakeTheFirstVariableThatIsSet) {
  Variables variables{{"HOME", "/u"}};
  EXPECT_EQ(hub_paths(variables).hub_cache, "/u/.cache/huggingface/hub");
  EXPECT_EQ(hub_paths(variables).model_home, "/u/.local/share/burin/models");
  variables["XDG_CACHE_HOME"] = "/x";
  EXPECT_EQ(hub_paths(variables).hub_cache, "/x/huggingface/hub");
  variables["HF_HOME"] = "~/hf";
  EXPECT_EQ(hub_paths(variables).hub_cache, "/u/hf/hub");
  variables["HUGGINGFACE_HUB_CACHE"] = "/old";
  EXPECT_EQ(hub_paths(variables).hub_cache, "/old");
  variables["HF_HUB_CACHE"] = "$XDG_CACHE_HOME/${HOME}/$NOTHING";
  EXPECT_EQ(hub_paths(variables).hub_cache, "/x//u/$NOTHING");
  variables["XDG_DATA_HOME"] = "/d";
  EXPECT_EQ(hub_paths(variables).model_home, "/d/burin/models");
  variables["BURIN_MODELS"] = "~/models";
  EXPECT_EQ(hub_paths(variables).model_home, "/u/models");
}

TEST(Paths, TreatEmptyAsUnset) {
  const HubPaths paths = hub_paths({{"HOME", "/u"}, {"HF_HOME", ""}, {"BURIN_MODELS", ""}});
  EXPECT_EQ(paths.hub_cache, "/u/.cache/huggingface/hub");
  EXPECT_EQ(paths.model_home, "/u/.local/share/burin/models");
}

TEST(Paths, StayEmptyWithoutAHome) {
  EXPECT_EQ(hub_paths({}).hub_cache, "");
  EXPECT_EQ(hub_paths({}).model_home, "");
}

TEST(Paths, KeepOddReferencesAsTheyAre) {
  EXPECT_EQ(expand("a~/$/${HOME", {{"HOME", "/u"}}), "a~/$/${HOME");
  EXPECT_EQ(expand("~user/x", {{"HOME", "/u"}}), "~user/x");
}

}  // namespace
}  // namespace burin::hub
