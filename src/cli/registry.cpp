#include "cli/registry.h"

namespace burin::cli {

hub::ModelRegistry user_registry(const Environment& environment) {
  return hub::ModelRegistry::with_user_entries(environment.config_file.parent_path());
}

}  // namespace burin::cli
