#include "api/engine_state.h"

#include <algorithm>

#include "api/border.h"

namespace burin::api {
namespace {

/** The name becomes part of a file's name. */
std::string checked_backend(const std::string& backend) {
  const bool plain = !backend.empty() && std::ranges::all_of(backend, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
  if (!plain) {
    throw invalid("backend", "a backend's name has small letters, digits and _ only");
  }
  return backend;
}

engine::RunnerOptions runner_options(const Folders& folders, const std::string& backend, int max_waiting) {
  return {.make_backend =
              [folder = folders.backend_dir, name = checked_backend(backend)] {
                const engine::BackendModule& module =
                    folder.empty() ? engine::open_backend_module(name) : engine::open_backend_module_in(folder, name);
                return module.make_backend();
              },
          .max_waiting = max_waiting};
}

}  // namespace

burin_token token_of(const engine::TokenEvent& event) {
  return {.size = sizeof(burin_token),
          .text = event.text.c_str(),
          .text_size = event.text.size(),
          .id = event.id,
          .logprob = event.logprob,
          .finish_reason = static_cast<int32_t>(event.finish_reason)};
}

engine::ModelRunner& runner_of(burin_engine* engine) {
  return required(engine, "engine").runner;
}

}  // namespace burin::api

burin_engine::burin_engine(burin::api::Folders where, const std::string& backend, int max_waiting)
    : folders(std::move(where)), runner(burin::api::runner_options(folders, backend, max_waiting)) {}
