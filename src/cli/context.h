// What a running command is given.
#pragma once

#include <functional>
#include <string_view>

#include "cli/arguments.h"
#include "cli/environment.h"
#include "cli/output.h"
#include "engine/backend.h"

namespace burin::cli {

/** engine::open_backend_module, or a test's own. */
using ModuleOpener = std::function<const engine::BackendModule&(std::string_view name)>;

struct Context {
  const Arguments& arguments;
  const Environment& environment;
  Output& output;
  const ModuleOpener& open_module;
  int exit_status = 0;  // of a command that did its work and found something wrong
};

}  // namespace burin::cli
