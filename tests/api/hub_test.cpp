#include <burin/hub.h>

#include "fixture.h"

namespace burin {
namespace {

/** A cache with one model of one revision, and nobody to ask. */
class HubTest : public ApiTest {
 protected:
  HubTest() {
    const auto snapshot = cache_ / "models--org--small" / "snapshots" / std::string(40, 'a');
    std::filesystem::create_directories(snapshot);
    std::filesystem::create_directories(cache_ / "models--org--small" / "refs");
    std::ofstream(cache_ / "models--org--small" / "refs" / "main") << std::string(40, 'a');
    std::ofstream(snapshot / "config.json") << R"({"model_type": "llama"})";
  }
  HubOptions options() const {
    HubOptions options{.environment = environment(), .endpoint = "http://127.0.0.1:1", .token = "", .offline = true};
    options.environment.hub_cache = cache_;
    return options;
  }

  const std::filesystem::path cache_ = home_ / "hub";
};

TEST_F(HubTest, HealthNamesWhatIsMissing) {
  const Report report = health("org/small", false, options());
  EXPECT_EQ(report.count("/unhealthy"), 1U);
  EXPECT_EQ(report.text("/unhealthy/0/name"), "org/small");
  EXPECT_EQ(report.text("/unhealthy/0/files/verdict"), "incomplete");
  EXPECT_EQ(report.number("/summary/total"), 1.0);
  EXPECT_GT(health("", false, options()).number("/summary/total"), 1.0);
}

TEST_F(HubTest, ReportsAnswerForWhatIsNotThere) {
  const Report report = health("org/small", false, options());
  EXPECT_EQ(report.text("/none"), "");
  EXPECT_EQ(report.text("no pointer"), "");
  EXPECT_EQ(report.number("/unhealthy", -1.0), -1.0);
  EXPECT_EQ(report.count("/unhealthy/0/name"), 0U);
  EXPECT_EQ(report.count(""), 3U);
  EXPECT_EQ(report.json().front(), '{');
}

TEST_F(HubTest, ARepairThatRepairedNothingIsAnError) {
  const Error error = failure([&] { repair("org/small", false, options()); });
  EXPECT_EQ(error.code(), ErrorCode::Network);
  EXPECT_NE(error.message().find("is not repaired"), std::string::npos) << error.message();
}

TEST_F(HubTest, RemovesByTheWholeNameOnly) {
  EXPECT_EQ(failure([&] { remove_model("small", false, options()); }).type(), "requires_confirmation");
  EXPECT_EQ(remove_model("org/small", true, options()).text("/action"), "dry_run");
  EXPECT_TRUE(std::filesystem::exists(cache_ / "models--org--small"));
  EXPECT_EQ(remove_model("org/small", false, options()).text("/action"), "deleted");
  EXPECT_FALSE(std::filesystem::exists(cache_ / "models--org--small"));
  EXPECT_EQ(code([&] { remove_model("org/small", false, options()); }), ErrorCode::NotFound);
}

TEST_F(HubTest, TheRegistryAnswersWithoutANetwork) {
  const Report found = ModelRegistry::search({.query = "qwen3", .limit = 2}, options());
  EXPECT_EQ(found.text("/source"), "registry");
  EXPECT_EQ(found.count("/models"), 2U);
  const Report chosen = ModelRegistry::recommended("embedding", uint64_t{1} << 30, options());
  EXPECT_GT(chosen.count("/models"), 0U);
  EXPECT_EQ(chosen.number("/available_bytes"), 1073741824.0);
}

TEST_F(HubTest, FitsOfARegistryEntryNeedsNoDownload) {
  const Report report = fits("qwen3-0.6b-4bit", 1024, 1, uint64_t{8} << 30, options());
  EXPECT_EQ(report.number("/fits"), 1.0);
  EXPECT_EQ(fits("qwen3-0.6b-4bit", 1024, 1, 1000, options()).number("/fits"), 0.0);
  EXPECT_EQ(code([&] { fits("org/none", 10, 1, 0, options()); }), ErrorCode::NotFound);
  EXPECT_EQ(code([&] { fits("qwen3-0.6b-4bit", 0, 1, 0, options()); }), ErrorCode::InvalidArgument);
}

TEST_F(HubTest, PullOfflineTakesWhatIsCached) {
  EXPECT_EQ(pull("org/small", {}, options()).text("/download_status"), "already_exists");
  EXPECT_EQ(failure([&] { pull("org/other", {}, options()); }).type(), "not_cached");
  EXPECT_EQ(code([&] { pull("../x", {}, options()); }), ErrorCode::InvalidArgument);
  EXPECT_EQ(code([&] { pull("org/small", {.jobs = 0}, options()); }), ErrorCode::InvalidArgument);
}

TEST_F(HubTest, AHubOutOfReachIsANetworkError) {
  HubOptions online = options();
  online.offline = false;
  const PullOptions request{.dry_run = true};
  EXPECT_EQ(code([&] { pull("org/other", request, online); }), ErrorCode::Network);
}

TEST_F(HubTest, NullArgumentsAreRefused) {
  burin_report* report = nullptr;
  EXPECT_EQ(burin_hub_pull(nullptr, nullptr, nullptr, nullptr, &report, nullptr), BURIN_INVALID_ARGUMENT);
  EXPECT_EQ(burin_hub_search(nullptr, nullptr, 5, &report, nullptr), BURIN_INVALID_ARGUMENT);
  EXPECT_EQ(burin_hub_health(nullptr, nullptr, nullptr, nullptr, nullptr, nullptr), BURIN_INVALID_ARGUMENT);
  EXPECT_EQ(report, nullptr);
  EXPECT_EQ(burin_report_text(nullptr, "/a"), nullptr);
  burin_report_free(nullptr);
}

}  // namespace
}  // namespace burin
