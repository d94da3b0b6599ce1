#include <algorithm>

#include <fmt/format.h>

#include "cli/models.h"
#include "hub/model_info.h"
#include "hub/nearest.h"

namespace burin::cli {
namespace {

bool is_shown(const Context& context, const hub::ModelInfo& info) {
  return context.arguments.has("--all") ||
         (info.runtime_compatible && (info.model_type == "chat" || info.model_type == "base"));
}

/** The cells of one line of the table; an empty health leaves its column out. */
struct Row {
  std::string_view name, hash, size, modified, type;
  std::string health;
};

std::string line_of(const Row& row, size_t width) {
  const std::string cells =
      fmt::format("{:<{}}  {:<7}  {:>8}  {:<10}  ", row.name, width, row.hash.empty() ? "-" : row.hash.substr(0, 7),
                  row.size, row.modified.substr(0, 10));
  return cells +
         (row.health.empty() ? fmt::format("{}\n", row.type) : fmt::format("{:<9}  {}\n", row.type, row.health));
}

std::string health_of(const hub::ModelInfo& info) {
  return std::string(info.health.healthy ? "healthy" : "unhealthy") +
         (info.reason.empty() ? "" : " (" + info.reason + ")");
}

void print(Context& context, const std::vector<hub::ModelInfo>& models) {
  size_t width = 4;
  for (const hub::ModelInfo& info : models) {
    width = std::max(width, info.model.name.size());
  }
  const bool health = context.arguments.has("--health");
  std::string table = line_of({"NAME", "HASH", "SIZE", "MODIFIED", "TYPE", health ? "HEALTH" : ""}, width);
  size_t shown = 0;
  for (const hub::ModelInfo& info : models) {
    if (is_shown(context, info)) {
      const std::string size = size_text(info.size_bytes);
      table += line_of(
          {info.model.name, info.model.hash, size, info.last_modified, info.model_type, health ? health_of(info) : ""},
          width);
      ++shown;
    }
  }
  if (shown > 0) {
    context.output.print_untrusted(table);
  }
  if (shown < models.size()) {
    context.output.note(fmt::format("{} more with --all", models.size() - shown));
  } else if (shown == 0) {
    context.output.note("no models here; `burin import FILE.gguf --name NAME` brings one");
  }
}

Json run(Context& context) {
  const std::string pattern = hub::lower_ascii(context.arguments.text("PATTERN"));
  const std::vector<std::string> supported = supported_model_types();
  std::vector<hub::ModelInfo> models;
  for (const hub::ResolvedModel& model : hub::all_models(context.environment.paths)) {
    if (hub::lower_ascii(model.name).find(pattern) != std::string::npos) {
      models.push_back(hub::describe_model(model, supported));
    }
  }
  if (!context.output.is_json()) {
    print(context, models);
  }
  Json objects = Json::array();
  for (const hub::ModelInfo& info : models) {
    objects.push_back(hub::model_object(info));
  }
  return {{"models", objects}, {"count", objects.size()}};
}

}  // namespace

extern const Command list_command{
    .name = "list",
    .summary = "list the models on this machine",
    .positionals = {{.name = "PATTERN", .help = "part of a name, in any case", .required = false}},
    .options = {{.name = "--all",
                 .help = "also what cannot answer: unhealthy, embedding, other formats",
                 .configurable = true},
                {.name = "--health", .help = "add a column with the verdict on the files", .configurable = true}},
    .examples = {{.line = "burin list", .what = "models ready to run"},
                 {.line = "burin list qwen --all --health", .what = "everything with that name, and what is wrong"}},
    .run = run,
};

}  // namespace burin::cli
