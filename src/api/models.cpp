// Models on this machine, as the C interface lists them.
#include <vector>

#include "api/border.h"
#include "api/environment.h"
#include "hub/resolve.h"

struct burin_models {
  struct Entry {
    std::string name, path, hash;
    bool cached;
  };
  std::vector<Entry> entries;
};

namespace burin::api {
namespace {

burin_models* list_of(const std::vector<hub::ResolvedModel>& models) {
  auto list = std::make_unique<burin_models>();
  for (const hub::ResolvedModel& model : models) {
    list->entries.push_back(
        {.name = model.name, .path = model.dir.string(), .hash = model.hash, .cached = model.cached});
  }
  return list.release();
}

}  // namespace
}  // namespace burin::api

burin_status burin_models_list(const burin_environment* environment, burin_models** models, burin_error** error) {
  using namespace burin::api;
  return guarded(error, [&] {
    required(models, "models") = nullptr;
    *models = list_of(burin::hub::all_models(folders_of(environment).hub));
  });
}

burin_status burin_models_resolve(const burin_environment* environment, const char* name, burin_models** models,
                                  burin_error** error) {
  using namespace burin::api;
  return guarded(error, [&] {
    required(models, "models") = nullptr;
    *models = list_of({burin::hub::resolve_model(text_of(name, "name"), folders_of(environment).hub)});
  });
}

size_t burin_models_count(const burin_models* models) {
  return models == nullptr ? 0 : models->entries.size();
}

burin_status burin_models_get(const burin_models* models, size_t index, burin_model* model) {
  using namespace burin::api;
  return guarded(nullptr, [&] {
    if (index >= required(models, "models").entries.size()) {
      throw burin::Error(burin::ErrorCode::NotFound, "models", "no such entry");
    }
    const burin_models::Entry& entry = models->entries[index];
    write_struct(model,
                 {.size = 0,
                  .name = entry.name.c_str(),
                  .path = entry.path.c_str(),
                  .hash = entry.hash.c_str(),
                  .is_cached = entry.cached ? 1 : 0},
                 "model");
  });
}

void burin_models_free(burin_models* models) {
  delete models;
}
