#include "hub/model_info.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <ctime>

#include "base/error.h"

namespace burin::hub {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 12> kEncoderTypes{"albert",  "bert",        "deberta-v2", "distilbert",
                                                         "electra", "mpnet",       "modernbert", "nomic_bert",
                                                         "roberta", "xlm-roberta", "camembert",  "gte"};

bool has_file(const ModelInfo& info, std::string_view name) {
  return std::ranges::find(info.files, name, &ModelFile::name) != info.files.end();
}

bool has_extension(const ModelInfo& info, std::string_view extension) {
  return std::ranges::any_of(info.files, [&](const ModelFile& file) { return file.name.ends_with(extension); });
}

Json read_or_null(const fs::path& file) {
  try {
    return read_json_file(file);
  } catch (const Error&) {
    return nullptr;
  }
}

/** The member of an object, else null. */
Json member(const Json& object, const char* key) {
  return object.is_object() && object.contains(key) ? object.at(key) : Json(nullptr);
}

std::string text_member(const Json& object, const char* key) {
  const Json value = member(object, key);
  return value.is_string() ? value.get<std::string>() : "";
}

std::string modified_time(const fs::path& dir) {
  struct stat info{};
  if (::stat(dir.c_str(), &info) != 0) {
    return "1970-01-01T00:00:00Z";
  }
  std::tm parts{};
  ::gmtime_r(&info.st_mtime, &parts);
  std::array<char, 32> text{};
  return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

/** The numbers and words of `quantization`; its per-layer entries are left out. */
Json quantization_of(const Json& config) {
  const Json given = member(config, "quantization");
  if (!given.is_object()) {
    return nullptr;
  }
  Json result = Json::object();
  for (const auto& [key, value] : given.items()) {
    if (value.is_number() || value.is_string()) {
      result[key] = value;
    }
  }
  return result;
}

std::string framework_of(const ModelInfo& info) {
  if (has_extension(info, ".safetensors")) {
    const bool mlx = !info.model.cached || info.model.name.starts_with("mlx-community/") ||
                     info.quantization.is_object() || text_member(info.config, "library_name") == "mlx";
    return mlx ? "MLX" : "PyTorch";
  }
  if (has_extension(info, ".gguf")) {
    return "GGUF";
  }
  return has_extension(info, ".bin") || has_extension(info, ".pt") || has_extension(info, ".pth") ? "PyTorch"
                                                                                                  : "Unknown";
}

bool has_chat_template(const ModelInfo& info) {
  return has_file(info, "chat_template.jinja") || has_file(info, "chat_template.json") ||
         !member(read_or_null(info.model.dir / "tokenizer_config.json"), "chat_template").is_null();
}

bool is_causal_lm(const Json& config) {
  const Json architectures = member(config, "architectures");
  return architectures.is_array() && std::ranges::any_of(architectures, [](const Json& name) {
           return name.is_string() && name.get<std::string>().ends_with("ForCausalLM");
         });
}

std::string type_of(const ModelInfo& info, bool supported) {
  const std::string type = text_member(info.config, "model_type");
  if (has_file(info, "modules.json") || has_file(info, "config_sentence_transformers.json") ||
      std::ranges::find(kEncoderTypes, type) != kEncoderTypes.end()) {
    return "embedding";
  }
  if (type == "whisper" || (member(info.config, "audio_config").is_object() && !is_causal_lm(info.config))) {
    return "audio";
  }
  if (has_chat_template(info)) {
    return "chat";
  }
  return supported || is_causal_lm(info.config) ? "base" : "unknown";
}

std::vector<std::string> capabilities_of(const ModelInfo& info) {
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
  if (member(info.config, "vision_config").is_object()) {
    found.emplace_back("vision");
  }
  if (info.model_type == "audio" || member(info.config, "audio_config").is_object()) {
    found.emplace_back("audio");
  }
  return found;
}

/** Why burin cannot run a healthy model; empty when it can. */
std::string runtime_problem(const ModelInfo& info, bool supported) {
  if (!has_extension(info, ".safetensors")) {
    return "no safetensors weights";
  }
  const std::string type = text_member(info.config, "model_type");
  if (type.empty()) {
    return "config.json names no model_type";
  }
  return supported ? "" : "model_type \"" + type + "\" is not supported";
}

Json null_when_empty(const std::string& text) {
  return text.empty() ? Json(nullptr) : Json(text);
}

}  // namespace

ModelInfo describe_model(const ResolvedModel& model, const std::vector<std::string>& supported) {
  ModelInfo info{.model = model, .files = list_files(model.dir)};
  for (const ModelFile& file : info.files) {
    info.size_bytes += file.size_bytes;
  }
  info.config = read_or_null(model.dir / "config.json");
  info.last_modified = modified_time(model.dir);
  info.quantization = quantization_of(info.config);
  info.framework = framework_of(info);
  const bool known = std::ranges::find(supported, text_member(info.config, "model_type")) != supported.end();
  info.model_type = type_of(info, known);
  info.capabilities = capabilities_of(info);
  info.health = check_health(model.dir, info.files);
  if (model.cached && model.hash.empty()) {
    info.health = {.healthy = false, .reason = "refs/main: names no complete snapshot"};
  }
  const std::string problem = info.health.healthy ? runtime_problem(info, known) : info.health.reason;
  info.runtime_compatible = problem.empty();
  info.reason = problem;
  return info;
}

Json model_object(const ModelInfo& info) {
  return {{"name", info.model.name},
          {"hash", null_when_empty(info.model.hash)},
          {"size_bytes", info.size_bytes},
          {"last_modified", info.last_modified},
          {"framework", info.framework},
          {"model_type", info.model_type},
          {"capabilities", info.capabilities},
          {"health", info.health.healthy ? "healthy" : "unhealthy"},
          {"runtime_compatible", info.runtime_compatible},
          {"reason", null_when_empty(info.reason)},
          {"cached", info.model.cached},
          {"quantization", info.quantization}};
}

Json model_metadata(const ModelInfo& info) {
  if (!info.config.is_object()) {
    return nullptr;
  }
  const Json text = member(info.config, "text_config");
  const auto value = [&](const char* key) {
    const Json own = member(info.config, key);
    return own.is_null() ? member(text, key) : own;
  };
  return {{"model_type", member(info.config, "model_type")},
          {"quantization", info.quantization},
          {"context_length", value("max_position_embeddings")},
          {"vocab_size", value("vocab_size")},
          {"hidden_size", value("hidden_size")},
          {"num_attention_heads", value("num_attention_heads")},
          {"num_hidden_layers", value("num_hidden_layers")}};
}

}  // namespace burin::hub
