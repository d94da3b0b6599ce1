#include <algorithm>
#include <ctime>
#include <utility>

#include <fmt/format.h>

#include "cli/models.h"
#include "hub/listing.h"
#include "hub/model_info.h"
#include "hub/nearest.h"

namespace burin::cli {
namespace {

bool is_shown(const Context& context, const hub::ModelInfo& info) {
  return context.arguments.has("--all") || (info.usable() && (info.model_type == "chat" || info.model_type == "base"));
}

/** The cells of one line of the table; an empty health leaves its column out. */
struct Row {
  std::string_view name, hash, size, modified, bits, type;
  std::string health;
};

/** By hand: the names are ASCII, and a listing of a thousand models is formatted by one thread. */
void append_cell(std::string& line, std::string_view text, size_t width) {
  line.append(text).append(width > text.size() ? width - text.size() : 0, ' ').append("  ");
}

void append_right(std::string& line, std::string_view text, size_t width) {
  line.append(width > text.size() ? width - text.size() : 0, ' ').append(text).append("  ");
}

void append_line(std::string& table, const Row& row, size_t width) {
  append_cell(table, row.name, width);
  append_cell(table, row.hash.empty() ? "-" : row.hash.substr(0, 7), 7);
  append_right(table, row.size, 8);
  append_cell(table, row.modified, 14);
  append_cell(table, row.bits, 5);
  if (row.health.empty()) {
    table.append(row.type);
  } else {
    append_cell(table, row.type, 9);
    table.append(row.health);
  }
  table += '\n';
}

/** "4bit", or the mode where it is not the usual one. */
std::string bits_of(const hub::ModelInfo& info) {
  const Json& bits = hub::member(info.quantization, "bits");
  const std::string mode = hub::text_member(info.quantization, "mode");
  return !mode.empty() && mode != "affine" ? mode : bits.is_number_integer() ? dump_json(bits) + "bit" : "-";
}

std::string health_of(const hub::ModelInfo& info) {
  return std::string(info.health.healthy() ? "healthy" : "unhealthy") +
         (info.usable() ? "" : " (" + info.reason() + ")");
}

void print(Context& context, const std::vector<hub::ModelInfo>& models) {
  size_t width = 4;
  for (const hub::ModelInfo& info : models) {
    width = std::max(width, info.model.name.size());
  }
  const bool health = context.arguments.has("--health");
  std::string table;
  append_line(table, {"NAME", "HASH", "SIZE", "MODIFIED", "QUANT", "TYPE", health ? "HEALTH" : ""}, width);
  const int64_t now = std::time(nullptr);
  size_t shown = 0;
  for (const hub::ModelInfo& info : models) {
    if (is_shown(context, info)) {
      const std::string size = size_text(info.size_bytes);
      const std::string age = hub::age_text(info.folder.modified(), now);
      const std::string bits = bits_of(info);
      append_line(table,
                  {info.model.name, info.model.hash, size, age, bits, info.model_type, health ? health_of(info) : ""},
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
  const hub::DescribeOptions options{
      .runtime = runtime_facts(context),
      .depth = context.arguments.has("--health") ? hub::HealthDepth::Headers : hub::HealthDepth::Names,
      .with_content_hash = false,
      .config = hub::ConfigMembers::Listed};
  std::vector<hub::ModelName> models = hub::all_model_names(context.environment.paths);
  std::erase_if(models, [&](const hub::ModelName& model) {
    return hub::lower_ascii(model.name).find(pattern) == std::string::npos;
  });
  const std::vector<hub::ModelInfo> infos = hub::describe_all(models, context.environment.paths, options);
  if (!context.output.is_json()) {
    print(context, infos);
    return Json::object();
  }
  Json objects = Json::array();
  for (const hub::ModelInfo& info : infos) {
    objects.push_back(hub::model_object(info));
  }
  const size_t count = objects.size();
  return {{"models", std::move(objects)}, {"count", count}};
}

}  // namespace

extern const Command list_command{
    .name = "list",
    .summary = "list the models on this machine",
    .positionals = {{.name = "PATTERN", .help = "part of a name, in any case", .required = false}},
    .options =
        {{.name = "--all",
          .help = "also what cannot answer: unhealthy, embedding, other formats",
          .configurable = true},
         {.name = "--health",
          .help =
              "read all headers and indexes, and add a column with the verdict; without it, only names and sizes count",
          .configurable = true}},
    .examples = {{.line = "burin list", .what = "models ready to run"},
                 {.line = "burin list qwen --all --health", .what = "everything with that name, and what is wrong"}},
    .run = run,
};

}  // namespace burin::cli
