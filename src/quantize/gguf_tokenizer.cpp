#include "quantize/gguf_tokenizer.h"

#include <algorithm>
#include <array>
#include <optional>
#include <unordered_set>
#include <vector>

#include "base/error.h"
#include "base/utf8.h"
#include "quantize/pre_tokenizers.h"
#include "quantize/spm_tokenizer.h"

namespace burin::quantize {
namespace {

constexpr int64_t kUnknown = 2;
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

/** One type for every token; all are normal where the file does not say. */
std::vector<int64_t> token_types(const GgufFile& gguf, size_t tokens) {
  if (!gguf.has("tokenizer.ggml.token_type")) {
    return std::vector<int64_t>(tokens, 1);
  }
  const std::vector<int64_t>& types = gguf.integers("tokenizer.ggml.token_type");
  if (types.size() != tokens) {
    throw corrupt(gguf, "tokenizer.ggml.token_type and .tokens differ in length");
  }
  return types;
}

Json added_tokens(const std::vector<std::string>& tokens, const std::vector<int64_t>& types) {
  Json list = Json::array();
  for (size_t id = 0; id < tokens.size(); ++id) {
    const bool special = types[id] == kControl || types[id] == kUnknown;
    if ((special || types[id] == kUserDefined) && !tokens[id].empty()) {
      list.push_back(added_token(static_cast<int64_t>(id), tokens[id], special));
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

/** Puts bos in front and eos behind, those that are there. */
Json post_processor(const std::vector<std::string>& tokens, std::optional<int64_t> bos, std::optional<int64_t> eos) {
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

/** What the two kinds of vocabulary differ in. */
struct Parts {
  Json normalizer;
  Json pre_tokenizer;
  Json plain_post_processor;  // where nothing is put around the text
  Json decoder;
  Json model;
  bool add_bos = false;  // where the file does not say
};

Json bpe_model(const std::vector<std::string>& tokens) {
  Json model = {{"type", "BPE"},
                {"dropout", nullptr},
                {"unk_token", nullptr},
                {"continuing_subword_prefix", nullptr},
                {"end_of_word_suffix", nullptr},
                {"fuse_unk", false},
                {"byte_fallback", false},
                {"ignore_merges", false}};
  model["vocab"] = vocabulary(tokens);
  return model;
}

Json byte_level(bool trim_offsets) {
  return {{"type", "ByteLevel"}, {"add_prefix_space", true}, {"trim_offsets", trim_offsets}, {"use_regex", true}};
}

Parts byte_level_parts(const GgufFile& gguf, const std::vector<std::string>& tokens) {
  const PreTokenizer pre = make_pre_tokenizer(gguf.string_or("tokenizer.ggml.pre", "gpt-2"), gguf.name());
  Parts parts{.normalizer = pre.normalizer,
              .pre_tokenizer = pre.pre_tokenizer,
              .plain_post_processor = byte_level(false),
              .decoder = byte_level(true),
              .model = bpe_model(tokens),
              .add_bos = pre.add_bos};
  parts.model["ignore_merges"] = pre.ignore_merges;
  parts.model["merges"] = checked_merges(gguf);
  return parts;
}

Parts sentencepiece_parts(const GgufFile& gguf, const std::vector<std::string>& tokens,
                          const std::vector<int64_t>& types) {
  SpmParts spm = make_spm_parts(gguf, tokens, types);
  Parts parts{.normalizer = std::move(spm.normalizer),
              .pre_tokenizer = nullptr,
              .plain_post_processor = nullptr,
              .decoder = std::move(spm.decoder),
              .model = bpe_model(tokens),
              .add_bos = true};
  parts.model["unk_token"] = std::move(spm.unk_token);
  parts.model["fuse_unk"] = true;
  parts.model["byte_fallback"] = spm.byte_fallback;
  parts.model["merges"] = std::move(spm.merges);
  return parts;
}

Parts make_parts(const GgufFile& gguf, const std::vector<std::string>& tokens, const std::vector<int64_t>& types) {
  const std::string& model = gguf.string("tokenizer.ggml.model");
  if (model == "gpt2") {
    return byte_level_parts(gguf, tokens);
  }
  if (model == "llama") {
    return sentencepiece_parts(gguf, tokens, types);
  }
  throw Error(ErrorCode::Unsupported, gguf.name(), "tokenizer model \"" + model + "\"")
      .hint(
          "vocabularies of \"gpt2\" (byte-level BPE) and \"llama\" (SentencePiece BPE) are imported; use an MLX "
          "conversion of this model");
}

Json tokenizer_json(const GgufFile& gguf, const std::vector<std::string>& tokens) {
  const std::vector<int64_t> types = token_types(gguf, tokens.size());
  Parts parts = make_parts(gguf, tokens, types);
  auto bos = token_id(gguf, "bos", tokens.size());
  auto eos = token_id(gguf, "eos", tokens.size());
  bos = gguf.boolean_or("tokenizer.ggml.add_bos_token", parts.add_bos) ? bos : std::nullopt;
  eos = gguf.boolean_or("tokenizer.ggml.add_eos_token", false) ? eos : std::nullopt;
  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens", added_tokens(tokens, types)},
          {"normalizer", std::move(parts.normalizer)},
          {"pre_tokenizer", std::move(parts.pre_tokenizer)},
          {"post_processor", bos || eos ? post_processor(tokens, bos, eos) : std::move(parts.plain_post_processor)},
          {"decoder", std::move(parts.decoder)},
          {"model", std::move(parts.model)}};
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
  const std::vector<std::string>& tokens = checked_tokens(gguf, vocab_size);
  TokenizerFiles files;
  files.tokenizer = tokenizer_json(gguf, tokens);
  files.tokenizer_config = tokenizer_config(gguf, tokens, files.tokenizer["added_tokens"]);
  files.generation_config = generation_config(gguf, tokens.size());
  return files;
}

}  // namespace burin::quantize
