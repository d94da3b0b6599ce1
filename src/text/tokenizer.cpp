#include "text/tokenizer.h"

#include <cstring>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "text/bridge_call.h"
#include "text/tokenizer_state.h"

namespace burin::text {

namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMaxTokenizerBytes = uint64_t{128} << 20;
constexpr uint64_t kMaxSideFileBytes = uint64_t{16} << 20;
constexpr const char* kTokenizerFile = "tokenizer.json";

std::string read_tokenizer(const fs::path& model_dir) {
  const fs::path file = model_dir / kTokenizerFile;
  std::error_code ignored;
  if (!fs::exists(file, ignored)) {
    throw Error(ErrorCode::NotFound, kTokenizerFile, "the model folder has no tokenizer.json")
        .hint("convert the model's tokenizer with transformers and save it again");
  }
  return read_file(file, kMaxTokenizerBytes);
}

std::string read_side_file(const fs::path& model_dir, const char* name) {
  const fs::path file = model_dir / name;
  std::error_code ignored;
  return fs::exists(file, ignored) ? read_file(file, kMaxSideFileBytes) : std::string();
}

std::optional<int32_t> optional_id(const JsonView& facts, std::string_view key) {
  if (!facts.has(key)) {
    return std::nullopt;
  }
  return static_cast<int32_t>(facts.integer(key, 0, INT32_MAX));
}

}  // namespace

Tokenizer::Tokenizer(std::shared_ptr<const State> state) : state_(std::move(state)) {}

Tokenizer Tokenizer::load(const fs::path& model_dir) {
  const std::string tokenizer = read_tokenizer(model_dir);
  const std::string tokenizer_config = read_side_file(model_dir, "tokenizer_config.json");
  const std::string special_tokens_map = read_side_file(model_dir, "special_tokens_map.json");
  const std::string added_tokens = read_side_file(model_dir, "added_tokens.json");
  const std::string config = read_side_file(model_dir, "config.json");
  const burin_folder_files files{.tokenizer = as_text(tokenizer),
                                 .tokenizer_config = as_text(tokenizer_config),
                                 .special_tokens_map = as_text(special_tokens_map),
                                 .added_tokens = as_text(added_tokens),
                                 .config = as_text(config)};
  burin_tokenizer* handle = nullptr;
  BridgeBuffer buffer;
  const int32_t status = burin_tokenizer_load_folder(&files, &handle, buffer.out());
  check_bridge(status, buffer, kTokenizerFile);
  return Tokenizer(describe(handle));
}

Tokenizer Tokenizer::load_file_only(const fs::path& model_dir) {
  const std::string tokenizer = read_tokenizer(model_dir);
  burin_tokenizer* handle = nullptr;
  BridgeBuffer buffer;
  const int32_t status = burin_tokenizer_load_file(as_text(tokenizer), &handle, buffer.out());
  check_bridge(status, buffer, kTokenizerFile);
  return Tokenizer(describe(handle));
}

std::shared_ptr<const Tokenizer::State> Tokenizer::describe(burin_tokenizer* handle) {
  auto state = std::make_shared<State>();
  state->handle.reset(handle);
  BridgeBuffer buffer;
  check_bridge(burin_tokenizer_describe(handle, buffer.out()), buffer, kTokenizerFile);
  const Json json = parse_json(buffer.text(), kTokenizerFile);
  const JsonView facts(json, kTokenizerFile);
  state->vocab_size = static_cast<int32_t>(facts.integer("vocab_size", 0, INT32_MAX));
  state->bos_token_id = optional_id(facts, "bos_token_id");
  state->eos_token_id = optional_id(facts, "eos_token_id");
  state->has_thinking = facts.boolean_or("has_thinking", false);
  for (const auto& [name, token] : json.at("special_tokens").items()) {
    state->special_tokens.emplace(name, token.get<std::string>());
  }
  return state;
}

std::vector<int32_t> Tokenizer::encode(std::string_view text, bool add_special_tokens) const {
  BridgeBuffer buffer;
  const int32_t status = burin_tokenizer_encode(state_->handle.get(), as_text(text), add_special_tokens, buffer.out());
  check_bridge(status, buffer, "tokenizer");
  const std::string_view bytes = buffer.text();
  std::vector<int32_t> ids(bytes.size() / sizeof(int32_t));
  if (!ids.empty()) {
    std::memcpy(ids.data(), bytes.data(), bytes.size());
  }
  return ids;
}

std::string Tokenizer::decode(std::span<const int32_t> ids, bool skip_special_tokens) const {
  BridgeBuffer buffer;
  const int32_t status =
      burin_tokenizer_decode(state_->handle.get(), ids.data(), ids.size(), skip_special_tokens, buffer.out());
  check_bridge(status, buffer, "tokenizer");
  return std::string(buffer.text());
}

std::optional<int32_t> Tokenizer::token_to_id(std::string_view token) const {
  const int64_t id = burin_tokenizer_token_to_id(state_->handle.get(), as_text(token));
  return id < 0 ? std::nullopt : std::optional(static_cast<int32_t>(id));
}

std::optional<std::string> Tokenizer::id_to_token(int32_t id) const {
  BridgeBuffer buffer;
  const bool found = burin_tokenizer_id_to_token(state_->handle.get(), id, buffer.out()) == 1;
  return found ? std::optional(std::string(buffer.text())) : std::nullopt;
}

int32_t Tokenizer::vocab_size() const {
  return state_->vocab_size;
}

std::optional<int32_t> Tokenizer::eos_token_id() const {
  return state_->eos_token_id;
}

std::optional<int32_t> Tokenizer::bos_token_id() const {
  return state_->bos_token_id;
}

const std::map<std::string, std::string>& Tokenizer::special_tokens() const {
  return state_->special_tokens;
}

bool Tokenizer::has_thinking() const {
  return state_->has_thinking;
}

}  // namespace burin::text
