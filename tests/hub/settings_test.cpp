#include "hub/settings.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "cache_tree.h"

namespace burin::hub {
namespace {

TEST(HubSettings, HaveTheClientsDefaults) {
  const HubSettings settings = hub_settings({{"HOME", "/home/me"}});
  EXPECT_EQ(settings.url("/api/models/x").text(), "https://huggingface.co/api/models/x");
  EXPECT_EQ(settings.token, "");
  EXPECT_EQ(settings.token_file, "/home/me/.cache/huggingface/token");
  EXPECT_TRUE(settings.send_token);
  EXPECT_TRUE(settings.symlinks);
  EXPECT_FALSE(settings.offline);
  EXPECT_EQ(settings.metadata_timeout_s, 10);
  EXPECT_EQ(settings.download_timeout_s, 10);
}

TEST(HubSettings, ComeFromTheVariables) {
  const HubSettings settings = hub_settings({{"HF_ENDPOINT", "http://127.0.0.1:8000/mirror//"},
                                             {"HF_TOKEN", " hf_x\r\n"},
                                             {"HF_HUB_OFFLINE", "yes"},
                                             {"HF_HUB_DISABLE_SYMLINKS", "On"},
                                             {"HF_HUB_DISABLE_IMPLICIT_TOKEN", "TRUE"},
                                             {"HF_HUB_ETAG_TIMEOUT", "3"},
                                             {"HF_HUB_DOWNLOAD_TIMEOUT", "60"},
                                             {"HF_HOME", "/hf"}});
  EXPECT_EQ(settings.url("/x").text(), "http://127.0.0.1:8000/mirror/x");
  EXPECT_EQ(settings.token, "hf_x");
  EXPECT_EQ(settings.token_file, "/hf/token");
  EXPECT_TRUE(settings.offline);
  EXPECT_FALSE(settings.symlinks);
  EXPECT_FALSE(settings.send_token);
  EXPECT_EQ(settings.metadata_timeout_s, 3);
  EXPECT_EQ(settings.download_timeout_s, 60);
  EXPECT_EQ(find_token(settings), "");
}

TEST(HubSettings, PreferTheNewerNames) {
  EXPECT_EQ(hub_settings({{"HF_TOKEN", "a"}, {"HUGGING_FACE_HUB_TOKEN", "b"}}).token, "a");
  EXPECT_EQ(hub_settings({{"HF_TOKEN", " "}, {"HUGGING_FACE_HUB_TOKEN", "b"}}).token, "b");
  EXPECT_TRUE(hub_settings({{"TRANSFORMERS_OFFLINE", "1"}}).offline);
  EXPECT_EQ(hub_settings({{"HF_TOKEN_PATH", "~/t"}, {"HOME", "/me"}}).token_file, "/me/t");
}

TEST(HubSettings, DoNotTakeNonsense) {
  EXPECT_THROW((void)hub_settings({{"HF_ENDPOINT", "huggingface.co"}}), Error);
  EXPECT_THROW((void)hub_settings({{"HF_ENDPOINT", "file:///x"}}), Error);
  EXPECT_EQ(hub_settings({{"HF_HUB_DOWNLOAD_TIMEOUT", "0"}}).download_timeout_s, 10);
  EXPECT_EQ(hub_settings({{"HF_HUB_DOWNLOAD_TIMEOUT", "10x"}}).download_timeout_s, 10);
  EXPECT_EQ(hub_settings({{"HF_TOKEN",
                           "a\x01"
                           "b"}})
                .token,
            "");
  EXPECT_FALSE(hub_settings({{"HF_HUB_OFFLINE", "false"}}).offline);
  EXPECT_EQ(hub_settings({{"HF_TOKEN", "x\r\ny"}}).token, "xy");
}

}  // namespace
}  // namespace burin::hub
