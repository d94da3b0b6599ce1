// The folders an engine works with, out of the caller's struct or of this process's variables.
#pragma once

#include <filesystem>

#include "burin/burin.h"
#include "hub/paths.h"

namespace burin::api {

struct Folders {
  hub::HubPaths hub;
  std::filesystem::path backend_dir;  // empty: beside the library
};

/** NULL: of the process. Throws: InvalidArgument. */
Folders folders_of(const burin_environment* environment);

}  // namespace burin::api
