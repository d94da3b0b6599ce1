#include <ctime>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/quantization.h"
#include "cli/models.h"
#include "hub/model_info.h"
#include "hub/model_types.h"

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
  for (const hub::ModelFile& file : info.folder.files()) {
    files.push_back({{"name", file.name}, {"size", size_text(file.size_bytes)}, {"type", file_type(file.name)}});
  }
  return files;
}

template <typename List>
std::string joined(const List& list) {
  return fmt::format("{}", fmt::join(list, ", "));
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
  line("modified", fmt::format("{} ({})", hub::iso_time(info.folder.modified()),
                               hub::age_text(info.folder.modified(), std::time(nullptr))));
  line("framework", info.framework);
  line("type", info.model_type);
  line("capabilities", info.capabilities.empty() ? "-" : joined(info.capabilities));
  line("origin", info.origin.empty() ? "-" : info.origin);
  line("content hash", info.content_hash.empty() ? "-" : info.content_hash);
  if (info.clean) {
    line("as it was cloned", *info.clean ? "yes" : "no: changed since");
  }
  line("health", info.health.healthy() ? "healthy" : "unhealthy: " + info.health.reason());
  line("runnable", info.usable() ? "yes" : "no: " + info.reason());
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

void print_supported(Context& context, const Json& data) {
  std::string text = "architectures, by config.json's model_type:\n";
  for (const Json& architecture : data["architectures"]) {
    const auto aliases = architecture["aliases"].get<std::vector<std::string>>();
    text += aliases.empty() ? fmt::format("  {}\n", plain(architecture["model_type"]))
                            : fmt::format("  {:<18}also: {}\n", plain(architecture["model_type"]), joined(aliases));
  }
  text += "\nweights:\n  plain             " + joined(data["dtypes"].get<std::vector<std::string>>()) + "\n";
  for (const Json& form : data["quantizations"]) {
    text +=
        fmt::format("  {:<18}{} bits in groups of {}\n", plain(form["mode"]),
                    joined(form["bits"].get<std::vector<int>>()), joined(form["group_sizes"].get<std::vector<int>>()));
  }
  context.output.print(text);
}

/** What models can be run, without a look at any. */
Json supported(Context& context) {
  Json architectures = Json::array();
  for (const std::vector<std::string>& names : hub::supported_architectures()) {
    architectures.push_back(
        {{"model_type", names.front()}, {"aliases", std::vector<std::string>(names.begin() + 1, names.end())}});
  }
  Json forms = Json::array();
  for (const QuantizationForm& form : kQuantizationForms) {
    forms.push_back({{"mode", form.mode},
                     {"bits", std::vector<int>(form.bits.begin(), form.bits.end())},
                     {"group_sizes", std::vector<int>(form.group_sizes.begin(), form.group_sizes.end())}});
  }
  Json data{{"architectures", std::move(architectures)},
            {"dtypes", {"float32", "bfloat16", "float16"}},
            {"quantizations", std::move(forms)}};
  if (!context.output.is_json()) {
    print_supported(context, data);
  }
  return data;
}

Json run(Context& context) {
  if (context.arguments.has("--supported")) {
    return supported(context);
  }
  if (!context.arguments.has("MODEL")) {
    throw Error(ErrorCode::InvalidArgument, "show", "MODEL is missing")
        .hint("`burin list` names the models; --supported shows what kinds can be run");
  }
  const hub::ResolvedModel model = hub::resolve_any(context.arguments.text("MODEL"), context.environment.paths);
  const hub::ModelInfo info = hub::describe_model(model, {.runtime = runtime_facts(context)});
  Json data{{"model", hub::model_object(info)}, {"metadata", hub::model_metadata(info)}};
  if (context.arguments.has("--files")) {
    data["files"] = files_of(info);
  }
  if (context.arguments.has("--config")) {
    data["config"] = info.folder.config();
  }
  if (!context.output.is_json()) {
    print(context, info, data);
  }
  return data;
}

}  // namespace

extern const Command show_command{
    .name = "show",
    .summary = "show what one model is, or what can be run",
    .positionals = {{.name = kModelPositional.name, .help = kModelPositional.help, .required = false}},
    .options = {{.name = "--files", .help = "list its files"},
                {.name = "--config", .help = "print its config.json"},
                {.name = "--supported", .help = "instead: the architectures and quantizations that can be run"}},
    .examples = {{.line = "burin show starter --files", .what = "size, type, context, files"},
                 {.line = "burin show --supported", .what = "before a download: can this kind of model be run"}},
    .run = run,
};

}  // namespace burin::cli
