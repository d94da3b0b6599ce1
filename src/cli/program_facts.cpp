#include "cli/program_facts.h"

#include "cli/models.h"
#include "hub/model_types.h"

namespace burin::cli {
namespace {

Json backend_facts(const Context& context, std::string_view name) {
  try {
    const engine::BackendModule& module = context.open_module(name);
    return {{"name", module.name}, {"version", module.version}, {"available", true}, {"details", module.details()}};
  } catch (const Error& error) {
    return {{"name", name},
            {"version", nullptr},
            {"available", false},
            {"reason", error.message()},
            {"hint", error.hint()}};
  }
}

}  // namespace

Json program_facts(const Context& context) {
  const Environment& environment = context.environment;
  return {{"cli_version", BURIN_VERSION},
          {"model_home", environment.paths.model_home.string()},
          {"hub_cache", environment.paths.hub_cache.string()},
          {"state_dir", environment.state_dir.string()},
          {"config_file", environment.config_file.string()},
          {"system", {{"memory_total_bytes", environment.memory_total_bytes}}},
          {"libraries", parse_json(BURIN_LIBRARIES, "libraries")},
          {"backends", Json::array({backend_facts(context, "mlx")})},
          {"model_types", hub::supported_model_types()}};
}

}  // namespace burin::cli
