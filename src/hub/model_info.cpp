#include "hub/model_info.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"

namespace burin::hub {
namespace {

constexpr std::array<std::string_view, 13> kEncoderTypes{
    "albert", "bert",       "camembert", "deberta-v2", "distilbert", "electra",    "gte",
    "mpnet",  "modernbert", "new",       "nomic_bert", "roberta",    "xlm-roberta"};
constexpr uint64_t kMaxTokenizerConfig = uint64_t{16} << 20;
constexpr std::string_view kShortNamespace = "mlx-community/";

std::string framework_of(const ModelInfo& info) {
  const ModelFolder& folder = info.folder;
  if (folder.has_extension(".safetensors")) {
    const bool mlx = !info.model.cached || info.model.name.starts_with(kShortNamespace) ||
                     info.quantization.is_object() || text_member(folder.config(), "library_name") == "mlx";
    return mlx ? "MLX" : "PyTorch";
  }
  if (folder.has_extension(".gguf")) {
    return "GGUF";
  }
  const bool torch = folder.has_extension(".bin") || folder.has_extension(".pt") || folder.has_extension(".pth");
  return torch ? "PyTorch" : "Unknown";
}

/** Looked for in the text: such a file may have megabytes of added tokens, and a listing reads a thousand. */
bool names_chat_template(const std::string& text) {
  // From its second character on: quotes are everywhere, and finding each of them takes longer than reading the file.
  constexpr std::string_view kKey = "chat_template\"";
  constexpr std::string_view kBlanks = " \t\r\n";
  for (size_t at = text.find(kKey); at != std::string::npos; at = text.find(kKey, at + 1)) {
    const size_t colon = text.find_first_not_of(kBlanks, at + kKey.size());
    const size_t value = colon == std::string::npos ? colon : text.find_first_not_of(kBlanks, colon + 1);
    if (at > 0 && text[at - 1] == '"' && value != std::string::npos && text[colon] == ':' &&
        !std::string_view(text).substr(value).starts_with("null")) {
      return true;
    }
  }
  return false;
}

bool has_chat_template(const ModelFolder& folder) {
  if (folder.has("chat_template.jinja") || folder.has("chat_template.json")) {
    return true;
  }
  if (!folder.has("tokenizer_config.json")) {
    return false;
  }
  try {
    return names_chat_template(folder.read("tokenizer_config.json", kMaxTokenizerConfig));
  } catch (const Error&) {
    return false;  // health says what is wrong with it
  }
}

bool is_causal_lm(const Json& config) {
  const Json& architectures = member(config, "architectures");
  return architectures.is_array() && std::ranges::any_of(architectures, [](const Json& name) {
           return name.is_string() && name.get<std::string>().ends_with("ForCausalLM");
         });
}

std::string type_of(const ModelFolder& folder, bool supported) {
  const Json& config = folder.config();
  const std::string type = text_member(config, "model_type");
  if (folder.has("modules.json") || folder.has("config_sentence_transformers.json") ||
      std::ranges::find(kEncoderTypes, type) != kEncoderTypes.end()) {
    return "embedding";
  }
  if (type == "whisper" || (member(config, "audio_config").is_object() && !is_causal_lm(config))) {
    return "audio";
  }
  if (has_chat_template(folder)) {
    return "chat";
  }
  return supported || is_causal_lm(config) ? "base" : "unknown";
}

std::vector<std::string> capabilities_of(const ModelInfo& info) {
  const Json& config = info.folder.config();
  std::vector<std::string> found;
  if (info.model_type == "chat" || info.model_type == "base") {
    found.emplace_back("text-generation");
  }
  if (info.model_type == "chat") {
    found.emplace_back("chat");
  }
  if (info.model_type == "embedding") {
    found.emplace_back("embeddings");
  }
  if (member(config, "vision_config").is_object()) {
    found.emplace_back("vision");
  }
  if (info.model_type == "audio" || member(config, "audio_config").is_object()) {
    found.emplace_back("audio");
  }
  return found;
}

/** Where it came from, and whether it is still what came. */
void add_provenance(ModelInfo& info, bool with_content_hash) {
  if (!info.model.cached) {
    if (const auto workspace = read_workspace(info.model.dir)) {
      info.origin = workspace->origin;
      info.content_hash = workspace->content_hash;
      info.clean = is_unchanged(*workspace, info.folder.files());
    }
    return;
  }
  info.origin = info.model.name;
  if (with_content_hash && !info.model.hash.empty()) {
    info.content_hash = content_hash(workspace_files(info.folder));
  }
}

HealthReport health_of(const ModelInfo& info, HealthDepth depth) {
  const ResolvedModel& model = info.model;
  if (model.cached && model.hash.empty()) {
    return check_health(model, {.depth = depth});
  }
  const bool look_around = depth != HealthDepth::Names;
  return check_health(info.folder, look_around ? snapshot_facts(model) : SnapshotFacts{}, {.depth = depth});
}

}  // namespace

ModelInfo describe_model(const ResolvedModel& model, const DescribeOptions& options) {
  return describe_folder(model, ModelFolder(model.dir, options.config), options);
}

ModelInfo describe_folder(ResolvedModel model, ModelFolder folder, const DescribeOptions& options) {
  ModelInfo info{.model = std::move(model), .folder = std::move(folder)};
  info.size_bytes = info.folder.size_bytes();
  info.quantization = quantization_of(info.folder.config());
  info.framework = framework_of(info);
  const std::vector<std::string>& types = options.runtime.supported;
  const bool known = std::ranges::find(types, text_member(info.folder.config(), "model_type")) != types.end();
  info.model_type = type_of(info.folder, known);
  info.capabilities = capabilities_of(info);
  info.health = health_of(info, options.depth);
  info.runtime = check_runtime(info.folder, options.runtime);
  add_provenance(info, options.with_content_hash);
  info.folder.close();  // a listing holds a thousand of these
  return info;
}

Json model_object(const ModelInfo& info) {
  const bool short_name = info.model.cached && info.model.name.starts_with(kShortNamespace);
  // Member by member: a list in braces makes two more values and a copy of each, and a listing has a thousand objects.
  Json object = Json::object();
  auto& members = object.get_ref<Json::object_t&>();
  members.reserve(17);
  const auto add = [&](const char* key, Json value) { members.emplace_back(key, std::move(value)); };
  add("name", info.model.name);
  add("hash", null_when_empty(info.model.hash));
  add("size_bytes", info.size_bytes);
  add("last_modified", iso_time(info.folder.modified()));
  add("framework", info.framework);
  add("model_type", info.model_type);
  add("capabilities", info.capabilities);
  add("health", info.health.healthy() ? "healthy" : "unhealthy");
  add("runtime_compatible", info.usable());
  add("reason", null_when_empty(info.reason()));
  add("cached", info.model.cached);
  add("origin", null_when_empty(info.origin));
  add("content_hash", null_when_empty(info.content_hash));
  add("hash_modified", info.clean ? Json(!*info.clean) : Json(nullptr));
  add("clean", info.clean ? Json(*info.clean) : Json(nullptr));
  add("display_name", short_name ? info.model.name.substr(kShortNamespace.size()) : info.model.name);
  add("quantization", info.quantization);
  return object;
}

Json model_metadata(const ModelInfo& info) {
  const Json& config = info.folder.config();
  if (!config.is_object()) {
    return nullptr;
  }
  const Json& text = member(config, "text_config");
  const auto value = [&](const char* key) {
    const Json& own = member(config, key);
    return own.is_null() ? member(text, key) : own;
  };
  return {{"model_type", member(config, "model_type")},
          {"quantization", info.quantization},
          {"context_length", value("max_position_embeddings")},
          {"vocab_size", value("vocab_size")},
          {"hidden_size", value("hidden_size")},
          {"num_attention_heads", value("num_attention_heads")},
          {"num_hidden_layers", value("num_hidden_layers")}};
}

std::string iso_time(int64_t seconds) {
  const auto time = static_cast<std::time_t>(seconds);
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  std::array<char, 32> text{};
  return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

std::string age_text(int64_t seconds, int64_t now) {
  struct Unit {
    int64_t seconds;
    const char* name;
  };
  static constexpr std::array<Unit, 6> kUnits{{{31'556'952, "year"},
                                               {2'629'746, "month"},
                                               {604'800, "week"},
                                               {86'400, "day"},
                                               {3'600, "hour"},
                                               {60, "minute"}}};
  for (const Unit& unit : kUnits) {
    if (const int64_t count = (now - seconds) / unit.seconds; count > 0) {
      return fmt::format("{} {}{} ago", count, unit.name, count == 1 ? "" : "s");
    }
  }
  return "just now";
}

}  // namespace burin::hub
