#include "text/chat_template.h"

#include <array>
#include <map>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "text/bridge_call.h"

namespace burin::text {

namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMaxTemplateBytes = uint64_t{1} << 20;
constexpr const char* kConfigFile = "tokenizer_config.json";
constexpr const char* kWhere = "chat template";
constexpr JsonLimits kConfigLimits{.max_bytes = size_t{16} << 20, .max_depth = 64};

using Templates = std::map<std::string, std::string>;

Templates read_template_files(const fs::path& model_dir) {
  Templates templates;
  std::error_code error;
  if (const fs::path file = model_dir / "chat_template.jinja"; fs::exists(file, error)) {
    templates["default"] = read_file(file, kMaxTemplateBytes);
  }
  for (const auto& entry : fs::directory_iterator(model_dir / "additional_chat_templates", error)) {
    if (entry.path().extension() == ".jinja") {
      templates[entry.path().stem().string()] = read_file(entry.path(), kMaxTemplateBytes);
    }
  }
  return templates;
}

Templates read_config_templates(const fs::path& model_dir) {
  Templates templates;
  std::error_code error;
  if (!fs::exists(model_dir / kConfigFile, error)) {
    return templates;
  }
  const Json config = read_json_file(model_dir / kConfigFile, kConfigLimits);
  const auto found = config.find("chat_template");
  if (found == config.end() || found->is_null()) {
    return templates;
  }
  if (found->is_string()) {
    templates["default"] = found->get<std::string>();
    return templates;
  }
  if (!found->is_array()) {
    throw Error(ErrorCode::Corrupt, kConfigFile, "chat_template: expected a string or a list");
  }
  for (const Json& entry : *found) {
    const JsonView view(entry, kConfigFile);
    templates[view.string("name")] = view.string("template");
  }
  return templates;
}

std::string pick(const Templates& templates, bool with_tools) {
  const auto tools = with_tools ? templates.find("tool_use") : templates.end();
  const auto chosen = tools != templates.end() ? tools : templates.find("default");
  if (chosen != templates.end()) {
    return chosen->second;
  }
  std::string names;
  for (const auto& [name, source] : templates) {
    names += names.empty() ? name : ", " + name;
  }
  throw Error(ErrorCode::InvalidArgument, kWhere, "the model has several templates and no default: " + names);
}

Json without_null_keys(const Json& message) {
  Json out = Json::object();
  for (const auto& [key, value] : message.items()) {
    if (!value.is_null()) {
      out[key] = value;
    }
  }
  return out;
}

Json with_reasoning_names(Json message) {
  static constexpr std::array<const char*, 3> kNames{"reasoning_content", "thinking", "reasoning"};
  for (const char* name : kNames) {
    const auto found = message.find(name);
    if (found == message.end()) {
      continue;
    }
    const Json& reasoning = *found;
    Json out = Json::object();
    out["thinking"] = reasoning;
    out.update(message);
    out["reasoning_content"] = reasoning;
    return out;
  }
  return message;
}

}  // namespace

ChatTemplate::ChatTemplate(std::shared_ptr<burin_template> compiled) : compiled_(std::move(compiled)) {}

std::optional<ChatTemplate> ChatTemplate::load(const fs::path& model_dir, bool with_tools) {
  Templates templates = read_template_files(model_dir);
  if (templates.empty()) {
    templates = read_config_templates(model_dir);
  }
  if (templates.empty()) {
    return std::nullopt;
  }
  return from_source(pick(templates, with_tools));
}

ChatTemplate ChatTemplate::from_source(const std::string& jinja) {
  burin_template* compiled = nullptr;
  BridgeBuffer buffer;
  const int32_t status = burin_template_new(as_text(jinja), &compiled, buffer.out());
  std::shared_ptr<burin_template> owned(compiled, burin_template_free);
  check_bridge(status, buffer, kWhere);
  return ChatTemplate(std::move(owned));
}

std::string ChatTemplate::render(const Json& context) const {
  const std::string json = dump_json(context);
  BridgeBuffer buffer;
  const int32_t status = burin_template_render(compiled_.get(), as_text(json), buffer.out());
  check_bridge(status, buffer, kWhere);
  return std::string(buffer.text());
}

Json template_context(const Tokenizer* tokenizer, const Json& messages, const Json& tools, const Json& documents,
                      bool add_generation_prompt, const Json& kwargs) {
  if (!messages.is_array() || messages.empty()) {
    throw Error(ErrorCode::InvalidArgument, kWhere, "messages: expected a list with at least one message");
  }
  Json chat = Json::array();
  for (const Json& message : messages) {
    if (!message.is_object()) {
      throw Error(ErrorCode::InvalidArgument, kWhere, "messages: every message must be an object");
    }
    chat.push_back(with_reasoning_names(without_null_keys(message)));
  }
  Json context = Json::object();
  if (tokenizer != nullptr) {
    context["enable_thinking"] = tokenizer->has_thinking();
    for (const auto& [name, token] : tokenizer->special_tokens()) {
      context[name] = token;
    }
  }
  context["messages"] = std::move(chat);
  context["tools"] = tools;
  context["documents"] = documents;
  context["add_generation_prompt"] = add_generation_prompt;
  if (kwargs.is_object()) {
    context.update(kwargs);
  }
  return context;
}

}  // namespace burin::text
