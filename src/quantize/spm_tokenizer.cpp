#include "quantize/spm_tokenizer.h"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <tuple>
#include <unordered_map>

#include <fmt/format.h>

#include "base/error.h"

namespace burin::quantize {
namespace {

// Piece types, as sentencepiece and GGUF number them.
constexpr int64_t kNormal = 1;
constexpr int64_t kUnknown = 2;
constexpr int64_t kUserDefined = 4;
constexpr int64_t kByte = 6;

constexpr size_t kMaxPieceBytes = 1024;
constexpr std::string_view kSpace = "\u2581";  // SentencePiece's mark for a space

/** One way to make a piece; lengths in code points. */
struct Merge {
  double score;
  size_t left_length;
  size_t right_length;
  std::string_view left;
  std::string_view right;
};

bool starts_character(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U;
}

size_t length_of(std::string_view text) {
  return static_cast<size_t>(std::ranges::count_if(text, starts_character));
}

const std::vector<double>& checked_scores(const GgufFile& gguf, size_t tokens) {
  const std::vector<double>& scores = gguf.floats("tokenizer.ggml.scores");
  if (scores.size() != tokens) {
    throw Error(ErrorCode::Corrupt, gguf.name(), "tokenizer.ggml.scores and .tokens differ in length");
  }
  if (!std::ranges::all_of(scores, [](double score) { return std::isfinite(score); })) {
    throw Error(ErrorCode::Corrupt, gguf.name(), "tokenizer.ggml.scores holds a score that is no number");
  }
  return scores;
}

/** Pieces that text can become part by part; SentencePiece keeps the others out of its merging. */
class Pieces {
 public:
  Pieces(const GgufFile& gguf, const std::vector<std::string>& tokens, const std::vector<int64_t>& types)
      : tokens_(tokens), types_(types) {
    for (size_t id = 0; id < tokens.size(); ++id) {
      if (tokens[id].size() > kMaxPieceBytes) {
        throw Error(ErrorCode::Corrupt, gguf.name(),
                    fmt::format("tokenizer.ggml.tokens holds a piece of {} bytes", tokens[id].size()));
      }
      if (takes_part(id)) {
        ids_.emplace(tokens[id], id);
      }
    }
  }

  /** Every way to cut piece `id` in two, by the ids of the parts. */
  void add_merges(size_t id, double score, std::vector<Merge>& out) const {
    if (!takes_part(id)) {
      return;
    }
    const std::string_view piece = tokens_[id];
    std::vector<std::tuple<size_t, size_t, size_t>> cuts;
    for (size_t at = 1; at < piece.size(); ++at) {
      if (!starts_character(piece[at])) {
        continue;
      }
      const auto left = ids_.find(piece.substr(0, at));
      const auto right = left == ids_.end() ? ids_.end() : ids_.find(piece.substr(at));
      if (right != ids_.end()) {
        cuts.emplace_back(left->second, right->second, at);
      }
    }
    std::ranges::sort(cuts);
    for (const auto& [left_id, right_id, at] : cuts) {
      const std::string_view left = piece.substr(0, at);
      const std::string_view right = piece.substr(at);
      out.push_back({score, length_of(left), length_of(right), left, right});
    }
  }

 private:
  bool takes_part(size_t id) const { return types_[id] == kNormal || types_[id] == kUserDefined; }

  const std::vector<std::string>& tokens_;
  const std::vector<int64_t>& types_;
  std::unordered_map<std::string_view, size_t> ids_;
};

Json make_merges(const GgufFile& gguf, const std::vector<std::string>& tokens, const std::vector<int64_t>& types) {
  const std::vector<double>& scores = checked_scores(gguf, tokens.size());
  const Pieces pieces(gguf, tokens, types);
  std::vector<Merge> merges;
  for (size_t id = 0; id < tokens.size(); ++id) {
    pieces.add_merges(id, scores[id], merges);
  }
  std::ranges::stable_sort(merges, [](const Merge& a, const Merge& b) {
    return std::tie(a.score, a.left_length, a.right_length) > std::tie(b.score, b.left_length, b.right_length);
  });
  Json list = Json::array();
  for (const Merge& merge : merges) {
    list.push_back(Json::array({merge.left, merge.right}));
  }
  return list;
}

Json replace(Json pattern, std::string_view content) {
  return {{"type", "Replace"}, {"pattern", std::move(pattern)}, {"content", content}};
}

/** One space mark in front where the file asks for it, and every space as that mark. */
Json make_normalizer(const GgufFile& gguf, bool add_prefix) {
  Json steps = Json::array();
  if (gguf.boolean_or("tokenizer.ggml.remove_extra_whitespaces", false)) {
    steps.push_back(replace({{"Regex", "^ +| +$"}}, ""));
    steps.push_back(replace({{"Regex", " {2,}"}}, " "));
  }
  if (add_prefix) {
    steps.push_back({{"type", "Prepend"}, {"prepend", kSpace}});
  }
  steps.push_back(replace({{"String", " "}}, kSpace));
  return {{"type", "Sequence"}, {"normalizers", std::move(steps)}};
}

Json make_decoder(bool add_prefix) {
  Json steps = Json::array({replace({{"String", kSpace}}, " "), {{"type", "ByteFallback"}}, {{"type", "Fuse"}}});
  if (add_prefix) {
    steps.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  }
  return {{"type", "Sequence"}, {"decoders", std::move(steps)}};
}

bool has_all_bytes(const std::vector<std::string>& tokens, const std::vector<int64_t>& types) {
  std::vector<bool> seen(256);
  for (size_t id = 0; id < tokens.size(); ++id) {
    for (size_t byte = 0; types[id] == kByte && byte < seen.size(); ++byte) {
      seen[byte] = seen[byte] || tokens[id] == fmt::format("<0x{:02X}>", byte);
    }
  }
  return std::ranges::find(seen, false) == seen.end();
}

Json unknown_token(const GgufFile& gguf, const std::vector<std::string>& tokens, const std::vector<int64_t>& types) {
  const auto last = static_cast<int64_t>(tokens.size()) - 1;
  if (gguf.has("tokenizer.ggml.unknown_token_id")) {
    return tokens.at(static_cast<size_t>(gguf.integer("tokenizer.ggml.unknown_token_id", 0, last)));
  }
  const auto it = std::ranges::find(types, kUnknown);
  return it == types.end() ? Json(nullptr) : Json(tokens.at(static_cast<size_t>(it - types.begin())));
}

}  // namespace

SpmParts make_spm_parts(const GgufFile& gguf, const std::vector<std::string>& tokens,
                        const std::vector<int64_t>& types) {
  if (gguf.has("tokenizer.ggml.precompiled_charsmap") &&
      !gguf.integers("tokenizer.ggml.precompiled_charsmap").empty()) {
    throw Error(ErrorCode::Unsupported, gguf.name(), "a SentencePiece normalizer (tokenizer.ggml.precompiled_charsmap)")
        .hint("use an MLX conversion of this model");
  }
  const bool add_prefix = gguf.boolean_or("tokenizer.ggml.add_space_prefix", true);
  return {.normalizer = make_normalizer(gguf, add_prefix),
          .decoder = make_decoder(add_prefix),
          .merges = make_merges(gguf, tokens, types),
          .unk_token = unknown_token(gguf, tokens, types),
          .byte_fallback = has_all_bytes(tokens, types)};
}

}  // namespace burin::quantize
