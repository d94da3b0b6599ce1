#include <fmt/format.h>

#include "cli/models.h"
#include "hub/model_info.h"

namespace burin::cli {
namespace {

std::string file_type(const std::string& name) {
  const auto ends = [&](std::string_view end) { return name.ends_with(end); };
  if (ends(".safetensors") || ends(".gguf") || ends(".bin") || ends(".pt") || ends(".npz")) {
    return "weights";
  }
  if (name.find("token") != std::string::npos || name == "vocab.json" || name == "merges.txt") {
    return "tokenizer";
  }
  return ends(".jinja") ? "template" : ends(".json") ? "config" : "other";
}

Json files_of(const hub::ModelInfo& info) {
  Json files = Json::array();
  for (const hub::ModelFile& file : info.files) {
    files.push_back({{"name", file.name}, {"size", size_text(file.size_bytes)}, {"type", file_type(file.name)}});
  }
  return files;
}

/** A JSON value as a person reads it: text without quotes, nothing for null. */
std::string plain(const Json& value) {
  return value.is_null() ? "-" : value.is_string() ? value.get<std::string>() : dump_json(value);
}

void print(Context& context, const hub::ModelInfo& info, const Json& data) {
  std::string text;
  const auto line = [&](std::string_view label, const std::string& value) {
    text += fmt::format("{:<22}{}\n", label, value);
  };
  line("name", info.model.name);
  line("hash", info.model.hash.empty() ? "-" : info.model.hash);
  line("size", size_text(info.size_bytes));
  line("modified", info.last_modified);
  line("framework", info.framework);
  line("type", info.model_type);
  line("health", info.health.healthy ? "healthy" : "unhealthy");
  line("runnable", info.runtime_compatible ? "yes" : "no: " + info.reason);
  if (data["metadata"].is_object()) {
    for (const auto& [key, value] : data["metadata"].items()) {
      line(key, plain(value));
    }
  }
  for (const Json& file : data.value("files", Json::array())) {
    text += fmt::format("  {:<40} {:>8}  {}\n", plain(file["name"]), plain(file["size"]), plain(file["type"]));
  }
  if (data.contains("config")) {
    text += dump_json(data["config"], 2) + "\n";
  }
  context.output.print_untrusted(text);
}

Json run(Context& context) {
  const hub::ModelInfo info = hub::describe_model(model_of(context), supported_model_types());
  Json data{{"model", hub::model_object(info)}, {"metadata", hub::model_metadata(info)}};
  if (context.arguments.has("--files")) {
    data["files"] = files_of(info);
  }
  if (context.arguments.has("--config")) {
    data["config"] = info.config;
  }
  if (!context.output.is_json()) {
    print(context, info, data);
  }
  return data;
}

}  // namespace

extern const Command show_command{
    .name = "show",
    .summary = "show what one model is",
    .positionals = {kModelPositional},
    .options = {{.name = "--files", .help = "list its files"}, {.name = "--config", .help = "print its config.json"}},
    .examples = {{.line = "burin show starter --files", .what = "size, type, context, files"}},
    .run = run,
};

}  // namespace burin::cli
