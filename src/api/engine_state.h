// What stands behind the C interface's handles.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "api/environment.h"
#include "burin/burin.h"
#include "engine/model_runner.h"

struct burin_engine {
  burin_engine(burin::api::Folders where, const std::string& backend, int max_waiting);

  const burin::api::Folders folders;
  mutable std::mutex mutex;
  std::string model_name;  // of the newest load
  burin::engine::ModelRunner runner;
};

struct burin_generation {
  explicit burin_generation(std::shared_ptr<burin::engine::Generation> started) : generation(std::move(started)) {}

  std::shared_ptr<burin::engine::Generation> generation;
  burin::engine::TokenEvent event;  // the newest one pulled: its text is lent out
};

namespace burin::api {

/** Fills a token from the generation's newest event. */
burin_token token_of(const engine::TokenEvent& event);

/** Throws: InvalidArgument for NULL. */
engine::ModelRunner& runner_of(burin_engine* engine);

}  // namespace burin::api
