#include <fmt/format.h>

#include "cli/models.h"

namespace burin::cli {
namespace {

/** The backend's own words, or why it cannot be used; opening it is what this command is for. */
Json backend_data(const Context& context) {
  try {
    const engine::BackendModule& module = context.open_module("mlx");
    return {{"name", module.name}, {"version", module.version}, {"available", true}, {"details", module.details()}};
  } catch (const Error& error) {
    return {{"name", "mlx"}, {"version", nullptr}, {"available", false}, {"reason", error.message()}};
  }
}

void print(Context& context, const Json& data) {
  const auto line = [&](std::string_view label, const std::string& value) {
    context.output.print_untrusted(fmt::format("{:<14}{}\n", label, value));
  };
  const Json& backend = data["backends"][0];
  line("burin", BURIN_VERSION);
  line("models", data["model_home"]);
  line("cache", data["hub_cache"]);
  line("state", data["state_dir"]);
  line("memory", size_text(context.environment.memory_total_bytes));
  line("backend", backend["available"].get<bool>() ? backend["version"].get<std::string>()
                                                   : "mlx: " + backend["reason"].get<std::string>());
  const Json details = backend.value("details", Json::object());
  for (const auto& [key, value] : details.items()) {
    line(key, value.is_string() ? value.get<std::string>() : dump_json(value));
  }
  std::string types;
  for (const std::string& type : supported_model_types()) {
    types += (types.empty() ? "" : ", ") + type;
  }
  line("architectures", types);
}

Json run(Context& context) {
  const Environment& environment = context.environment;
  Json data{{"cli_version", BURIN_VERSION},
            {"model_home", environment.paths.model_home.string()},
            {"hub_cache", environment.paths.hub_cache.string()},
            {"state_dir", environment.state_dir.string()},
            {"system", {{"memory_total_bytes", environment.memory_total_bytes}}},
            {"backends", Json::array({backend_data(context)})},
            {"model_types", supported_model_types()}};
  if (!context.output.is_json()) {
    print(context, data);
  }
  return data;
}

}  // namespace

extern const Command info_command{
    .name = "info",
    .summary = "show folders, backends and devices in use",
    .examples = {{.line = "burin info", .what = "where models lie and what runs them"}},
    .run = run,
};

}  // namespace burin::cli
