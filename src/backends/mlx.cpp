// Entry point of the module libburin_mlx.so.
#include <mlx/version.h>

#include "backends/border.h"
#include "backends/mlx_backend.h"
#include "base/export.h"
#include "ops/runtime.h"

namespace {

using burin::engine::BackendModule;

burin::Json details() {
  return burin::backends::at_border("info", "", [] {
    const burin::ops::RuntimeFacts facts = burin::ops::runtime_facts();
    return burin::Json{
        {"device", facts.device}, {"isa", facts.isa}, {"blas", facts.blas_library}, {"threads", facts.threads}};
  });
}

const BackendModule& module() {
  static const BackendModule kModule{
      .name = "mlx",
      .version = std::string("MLX ") + mlx::core::version(),
      .make_backend = burin::backends::make_mlx_backend,
      .make_tools = burin::backends::make_mlx_tools,
      .details = details,
  };
  return kModule;
}

}  // namespace

extern "C" BURIN_API const BackendModule* burin_backend_module(int abi) {
  return abi == burin::engine::kBackendAbi ? &module() : nullptr;
}
