// A model home of small folders, and engines on the fake backend module (tests/cli/fake_backend.cpp): it echoes the
// prompt, byte by byte; "slow" never ends, "fail" runs out of memory, "crash" throws something unexpected.
#pragma once

#include <burin/engine.h>

#include <filesystem>
#include <fstream>
#include <functional>

#include <gtest/gtest.h>

namespace burin {

inline const std::filesystem::path kFakeBackend = std::filesystem::path(BURIN_BINARY_DIR) / "tests/cli/fake";

class ApiTest : public testing::Test {
 protected:
  ApiTest() {
    std::filesystem::remove_all(home_);
    add_model("tiny", R"({"model_type": "llama"})");
  }
  ~ApiTest() override { std::filesystem::remove_all(home_); }

  void add_model(const std::string& name, const std::string& config) {
    std::filesystem::create_directories(home_ / name);
    std::ofstream(home_ / name / "config.json") << config;
  }
  Environment environment() const {
    Environment environment;
    environment.model_home = home_;
    environment.backend_dir = kFakeBackend;
    return environment;
  }
  Engine loaded(int max_waiting = 8) const {
    Engine engine({.environment = environment(), .max_waiting = max_waiting});
    engine.load({.hub_id = "tiny"});
    return engine;
  }

  /** The error of `body`. */
  static Error failure(const std::function<void()>& body) {
    try {
      body();
    } catch (const Error& error) {
      return error;
    }
    ADD_FAILURE() << "nothing was thrown";
    return Error(ErrorCode::Internal, "test", "none");
  }
  static ErrorCode code(const std::function<void()>& body) { return failure(body).code(); }

  const std::filesystem::path home_ =
      std::filesystem::path(testing::TempDir()) /
      (std::string("burin-api-") + testing::UnitTest::GetInstance()->current_test_info()->name());
};

}  // namespace burin
