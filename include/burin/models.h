/// @file
/// Which models are on this machine, by the names that Engine::load takes.
#pragma once

#include <string>
#include <vector>

#include "burin/detail/border.h"
#include "burin/types.h"

namespace burin {

inline Environment Environment::from_process() {
  burin_environment* raw = nullptr;
  detail::checked([&](burin_error** error) { return burin_environment_from_process(&raw, error); });
  const detail::Owned<burin_environment, burin_environment_free> owned(raw);
  const auto path = [](const char* text) { return std::filesystem::path(text == nullptr ? "" : text); };
  return {path(raw->home), path(raw->model_home), path(raw->hub_cache), path(raw->backend_dir)};
}

/// @cond INTERNAL
namespace detail {

inline std::vector<ModelEntry> entries_of(burin_models* raw) {
  const Owned<burin_models, burin_models_free> owned(raw);
  std::vector<ModelEntry> entries;
  for (size_t i = 0; i < burin_models_count(raw); ++i) {
    burin_model model{};
    model.size = sizeof model;
    checked([&](burin_error**) { return burin_models_get(raw, i, &model); });
    entries.push_back({model.name, model.path, model.hash, model.is_cached != 0});
  }
  return entries;
}

}  // namespace detail
/// @endcond

/** Every model of the model home and of the Hugging Face cache. */
inline std::vector<ModelEntry> list_models(const Environment& environment = Environment::from_process()) {
  const detail::EnvironmentView view(environment);
  burin_models* raw = nullptr;
  detail::checked([&](burin_error** error) { return burin_models_list(view.get(), &raw, error); });
  return detail::entries_of(raw);
}

/** The one model that `name` means. Throws: NotFound, Ambiguous (fact "matches"), InvalidArgument. */
inline ModelEntry resolve_model(const std::string& name, const Environment& environment = Environment::from_process()) {
  const detail::EnvironmentView view(environment);
  const char* text = detail::c_text(name, "name");
  burin_models* raw = nullptr;
  detail::checked([&](burin_error** error) { return burin_models_resolve(view.get(), text, &raw, error); });
  return detail::entries_of(raw).at(0);
}

}  // namespace burin
