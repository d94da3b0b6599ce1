#include "api/environment.h"

#include <memory>
#include <string>

#include "api/border.h"
#include "base/process.h"

namespace burin::api {
namespace {

/** What burin_environment_from_process hands out: the view comes first, so that its address is the holder's. */
struct EnvironmentHolder {
  burin_environment view{};
  std::string home, model_home, hub_cache;
};
static_assert(offsetof(EnvironmentHolder, view) == 0);

const char* or_null(const std::string& text) {
  return text.empty() ? nullptr : text.c_str();
}

std::filesystem::path path_of(const char* text, const char* param) {
  return text == nullptr ? std::filesystem::path() : std::filesystem::path(text_of(text, param));
}

}  // namespace

Folders folders_of(const burin_environment* environment) {
  if (environment == nullptr) {
    return {.hub = hub::hub_paths(process_variables()), .backend_dir = {}};
  }
  const burin_environment given = read_struct(environment, burin_environment{}, "environment");
  return {.hub = {.home = path_of(given.home, "home"),
                  .model_home = path_of(given.model_home, "model_home"),
                  .hub_cache = path_of(given.hub_cache, "hub_cache")},
          .backend_dir = path_of(given.backend_dir, "backend_dir")};
}

}  // namespace burin::api

burin_status burin_environment_from_process(burin_environment** environment, burin_error** error) {
  using namespace burin::api;
  return guarded(error, [&] {
    required(environment, "environment") = nullptr;
    const Folders folders = folders_of(nullptr);
    auto holder = std::make_unique<EnvironmentHolder>();
    holder->home = folders.hub.home.string();
    holder->model_home = folders.hub.model_home.string();
    holder->hub_cache = folders.hub.hub_cache.string();
    holder->view = {.size = sizeof(burin_environment),
                    .home = or_null(holder->home),
                    .model_home = or_null(holder->model_home),
                    .hub_cache = or_null(holder->hub_cache),
                    .backend_dir = nullptr};
    *environment = &holder.release()->view;
  });
}

void burin_environment_free(burin_environment* environment) {
  delete reinterpret_cast<burin::api::EnvironmentHolder*>(environment);
}
