// Text to token ids and back, as a model folder defines it: tokenizer.json run by the crate `tokenizers`, after the
// changes that transformers makes by class (src/text/bridge/src/pipelines.rs).
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

struct burin_tokenizer;

namespace burin::text {

/**
 * One loaded tokenizer; copies share it. Loading costs about as much as reading the file.
 * Threads: const functions may be called from several threads at once.
 */
class Tokenizer {
 public:
  /**
   * What transformers' AutoTokenizer makes of `model_dir`: tokenizer.json, tokenizer_config.json, the older
   * special_tokens_map.json and added_tokens.json, and config.json's model type.
   * Throws: NotFound (no tokenizer.json), Corrupt.
   * Source: transformers 5.23. As there, add_bos_token and add_eos_token do not override the file's post-processor.
   */
  static Tokenizer load(const std::filesystem::path& model_dir);

  /**
   * tokenizer.json alone, as the PyPI package `tokenizers` reads it, without its truncation and padding; there are
   * no named special tokens then. Throws: NotFound, Corrupt.
   */
  static Tokenizer load_file_only(const std::filesystem::path& model_dir);

  /** Throws: InvalidArgument (no UTF-8), ResourceExhausted (more than 8 MiB). */
  std::vector<int32_t> encode(std::string_view text, bool add_special_tokens) const;

  /** Ids without a token (holes below the highest id) give no text. Throws: InvalidArgument for ids out of range. */
  std::string decode(std::span<const int32_t> ids, bool skip_special_tokens) const;

  std::optional<int32_t> token_to_id(std::string_view token) const;
  std::optional<std::string> id_to_token(int32_t id) const;

  /** Number of tokens, added ones included. A model's embedding may have more rows. */
  int32_t vocab_size() const;
  std::optional<int32_t> eos_token_id() const;
  std::optional<int32_t> bos_token_id() const;

  /** Named tokens by name (`bos_token`, `eos_token`, ...): what chat templates see. */
  const std::map<std::string, std::string>& special_tokens() const;

  /** Whether the vocabulary has a pair of thinking tokens. Source: mlx-lm 0.32.2, `_infer_thinking`. */
  bool has_thinking() const;

 private:
  friend class GrammarVocabulary;
  friend class StreamingDetokenizer;
  struct State;
  explicit Tokenizer(std::shared_ptr<const State> state);
  static std::shared_ptr<const State> describe(burin_tokenizer* handle);

  std::shared_ptr<const State> state_;
};

}  // namespace burin::text
