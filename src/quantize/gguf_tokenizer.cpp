#include "quantize/gguf_tokenizer.h"

#include <algorithm>
#include <array>
#include <optional>
#include <unordered_set>
#include <vector>

#include "base/error.h"
#include "base/utf8.h"
#include "quantize/pre_tokenizers.h"

namespace burin::quantize {
namespace {

constexpr int64_t kControl = 3;
constexpr int64_t kUserDefined = 4;

Error corrupt(const GgufFile& gguf, const std::string& why) {
  return Error(ErrorCode::Corrupt, gguf.name(), why);
}

/** Tokens as text, each once, no more of them than the embedding has rows. */
const std::vector<std::string>& checked_tokens(const GgufFile& gguf, int64_t vocab_size) {
  const std::vector<std::string>& tokens = gguf.strings("tokenizer.ggml.tokens");
  if (tokens.empty() || static_cast<int64_t>(tokens.size()) > vocab_size) {
    throw corrupt(gguf, "tokenizer.ggml.tokens does not fit the embedding table");
  }
  std::unordered_set<std::string_view> seen;
  for (const std::string& token : tokens) {
    if (!is_valid_utf8(token) || !seen.insert(token).second) {
      throw corrupt(gguf, "tokenizer.ggml.tokens holds a token twice or one that is no UTF-8");
    }
  }
  return tokens;
}

/** nlohmann's ordered object searches linearly on insert; a vocabulary is written as text instead. */
Json vocabulary(const std::vector<std::string>& tokens) {
  Json::object_t object;
  object.reserve(tokens.size());
  for (size_t id = 0; id < tokens.size(); ++id) {
    static_cast<std::vector<Json::object_t::value_type>&>(object).emplace_back(tokens[id], id);
  }
  return Json(std::move(object));
}

std::optional<int64_t> token_id(const GgufFile& gguf, const char* what, size_t tokens) {
  const std::string key = std::string("tokenizer.ggml.") + what + "_token_id";
  if (!gguf.has(key)) {
    return std::nullopt;
  }
  return gguf.integer(key, 0, static_cast<int64_t>(tokens) - 1);
}

Json added_token(int64_t id, const std::string& content, bool special) {
  return {{"id", id},        {"content", content},  {"single_word", false}, {"lstrip", false},
          {"rstrip", false}, {"normalized", false}, {"special", special}};
}

Json added_tokens(const GgufFile& gguf, const std::vector<std::string>& tokens) {
  Json list = Json::array();
  if (!gguf.has("tokenizer.ggml.token_type")) {
    return list;
  }
  const std::vector<int64_t>& types = gguf.integers("tokenizer.ggml.token_type");
  if (types.size() != tokens.size()) {
    throw corrupt(gguf, "tokenizer.ggml.token_type and .tokens differ in length");
  }
  for (size_t id = 0; id < tokens.size(); ++id) {
    if ((types[id] == kControl || types[id] == kUserDefined) && !tokens[id].empty()) {
      list.push_back(added_token(static_cast<int64_t>(id), tokens[id], types[id] == kControl));
    }
  }
  return list;
}

Json checked_merges(const GgufFile& gguf) {
  const std::vector<std::string>& merges = gguf.strings("tokenizer.ggml.merges");
  for (const std::string& merge : merges) {
    if (std::ranges::count(merge, ' ') != 1 || !is_valid_utf8(merge)) {
      throw corrupt(gguf, "tokenizer.ggml.merges holds an entry that is no pair");
    }
  }
  return merges;
}

/** Puts bos in front, or eos behind, where the file asks for it. */
Json post_processor(const std::vector<std::string>& tokens, std::optional<int64_t> bos, std::optional<int64_t> eos) {
  if (!bos && !eos) {
    return {{"type", "ByteLevel"}, {"add_prefix_space", true}, {"trim_offsets", false}, {"use_regex", true}};
  }
  Json single = Json::array();
  Json pair = Json::array();
  Json special = Json::object();
  const auto add = [&](Json& list, int64_t id, int type) {
    const std::string& text = tokens.at(static_cast<size_t>(id));
    list.push_back({{"SpecialToken", {{"id", text}, {"type_id", type}}}});
    special[text] = {{"id", text}, {"ids", Json::array({id})}, {"tokens", Json::array({text})}};
  };
  const auto part = [&](Json& list, const char* name, int type) {
    if (bos) {
      add(list, *bos, type);
    }
    list.push_back({{"Sequence", {{"id", name}, {"type_id", type}}}});
    if (eos) {
      add(list, *eos, type);
    }
  };
  part(single, "A", 0);
  part(pair, "A", 0);
  part(pair, "B", 1);
  return {{"type", "TemplateProcessing"}, {"single", single}, {"pair", pair}, {"special_tokens", special}};
}

Json tokenizer_json(const GgufFile& gguf, const std::vector<std::string>& tokens, const PreTokenizer& pre) {
  const bool add_bos = gguf.boolean_or("tokenizer.ggml.add_bos_token", pre.add_bos);
  const bool add_eos = gguf.boolean_or("tokenizer.ggml.add_eos_token", false);
  const auto bos = token_id(gguf, "bos", tokens.size());
  const auto eos = token_id(gguf, "eos", tokens.size());
  Json model = {{"type", "BPE"},
                {"dropout", nullptr},
                {"unk_token", nullptr},
                {"continuing_subword_prefix", nullptr},
                {"end_of_word_suffix", nullptr},
                {"fuse_unk", false},
                {"byte_fallback", false},
                {"ignore_merges", pre.ignore_merges}};
  model["vocab"] = vocabulary(tokens);
  model["merges"] = checked_merges(gguf);
  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens", added_tokens(gguf, tokens)},
          {"normalizer", pre.normalizer},
          {"pre_tokenizer", pre.pre_tokenizer},
          {"post_processor", post_processor(tokens, add_bos ? bos : std::nullopt, add_eos ? eos : std::nullopt)},
          {"decoder", {{"type", "ByteLevel"}, {"add_prefix_space", true}, {"trim_offsets", true}, {"use_regex", true}}},
          {"model", std::move(model)}};
}

Json tokenizer_config(const GgufFile& gguf, const std::vector<std::string>& tokens, const Json& added) {
  Json config = {{"added_tokens_decoder", Json::object()},
                 {"clean_up_tokenization_spaces", false},
                 {"tokenizer_class", "PreTrainedTokenizerFast"}};
  for (Json token : added) {
    const std::string id = std::to_string(token["id"].get<int64_t>());
    token.erase("id");
    config["added_tokens_decoder"][id] = std::move(token);
  }
  constexpr std::array<std::pair<const char*, const char*>, 4> kNames{
      {{"bos", "bos_token"}, {"eos", "eos_token"}, {"unknown", "unk_token"}, {"padding", "pad_token"}}};
  for (const auto& [gguf_name, name] : kNames) {
    if (const auto id = token_id(gguf, gguf_name, tokens.size())) {
      config[name] = tokens.at(static_cast<size_t>(*id));
    }
  }
  if (gguf.has("tokenizer.chat_template")) {
    config["chat_template"] = gguf.string("tokenizer.chat_template");
  }
  return config;
}

/** All ids that end an answer: eos, and end-of-turn or end-of-message where the file names them. */
Json generation_config(const GgufFile& gguf, size_t tokens) {
  Json eos = Json::array();
  for (const char* what : {"eos", "eot", "eom"}) {
    const auto id = token_id(gguf, what, tokens);
    if (id && std::ranges::find(eos, Json(*id)) == eos.end()) {
      eos.push_back(*id);
    }
  }
  Json config = Json::object();
  if (const auto bos = token_id(gguf, "bos", tokens)) {
    config["bos_token_id"] = *bos;
  }
  if (!eos.empty()) {
    config["eos_token_id"] = eos.size() == 1 ? eos[0] : eos;
  }
  return config;
}

}  // namespace

TokenizerFiles make_tokenizer(const GgufFile& gguf, int64_t vocab_size) {
  if (const std::string& model = gguf.string("tokenizer.ggml.model"); model != "gpt2") {
    throw Error(ErrorCode::Unsupported, gguf.name(), "tokenizer model \"" + model + "\"")
        .hint("only byte-level BPE vocabularies (\"gpt2\") are imported; use an MLX conversion of this model");
  }
  const PreTokenizer pre = make_pre_tokenizer(gguf.string_or("tokenizer.ggml.pre", "gpt-2"), gguf.name());
  const std::vector<std::string>& tokens = checked_tokens(gguf, vocab_size);
  TokenizerFiles files;
  files.tokenizer = tokenizer_json(gguf, tokens, pre);
  files.tokenizer_config = tokenizer_config(gguf, tokens, files.tokenizer["added_tokens"]);
  files.generation_config = generation_config(gguf, tokens.size());
  return files;
}

}  // namespace burin::quantize
