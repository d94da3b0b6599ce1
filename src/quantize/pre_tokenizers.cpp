#include "quantize/pre_tokenizers.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "base/error.h"

namespace burin::quantize {
namespace {

enum class Cut { Gpt2, DigitsGpt2, Pattern };

struct Rule {
  std::string_view pre;
  Cut cut;
  std::string_view pattern;
  bool nfc = false;
  bool ignore_merges = false;
  bool add_bos = false;
};

// The published patterns of these vocabularies, in Oniguruma's dialect.
constexpr std::string_view kCl100k =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kQwen2 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kO200k =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"(\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

constexpr std::array<Rule, 11> kRules{{
    {.pre = "dbrx", .cut = Cut::Pattern, .pattern = kCl100k},
    {.pre = "deepseek-r1-qwen", .cut = Cut::Pattern, .pattern = kQwen2, .nfc = true},
    {.pre = "gpt-2", .cut = Cut::Gpt2},
    {.pre = "gpt-4o", .cut = Cut::Pattern, .pattern = kO200k},
    {.pre = "llama-bpe", .cut = Cut::Pattern, .pattern = kCl100k, .ignore_merges = true, .add_bos = true},
    {.pre = "llama3", .cut = Cut::Pattern, .pattern = kCl100k, .ignore_merges = true, .add_bos = true},
    {.pre = "olmo", .cut = Cut::Gpt2},
    {.pre = "phi-2", .cut = Cut::Gpt2},
    {.pre = "qwen2", .cut = Cut::Pattern, .pattern = kQwen2, .nfc = true},
    {.pre = "smollm", .cut = Cut::DigitsGpt2},
    {.pre = "starcoder", .cut = Cut::DigitsGpt2},
}};

Json byte_level(bool use_regex) {
  return {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", use_regex}};
}

Json sequence(Json first, Json second) {
  return {{"type", "Sequence"}, {"pretokenizers", Json::array({std::move(first), std::move(second)})}};
}

Json make_cut(const Rule& rule) {
  switch (rule.cut) {
    case Cut::Gpt2:
      return byte_level(true);
    case Cut::DigitsGpt2:
      return sequence({{"type", "Digits"}, {"individual_digits", true}}, byte_level(true));
    default:
      return sequence(
          {{"type", "Split"}, {"pattern", {{"Regex", rule.pattern}}}, {"behavior", "Isolated"}, {"invert", false}},
          byte_level(false));
  }
}

}  // namespace

PreTokenizer make_pre_tokenizer(const std::string& pre, const std::string& file) {
  const auto rule = std::ranges::find(kRules, pre, &Rule::pre);
  if (rule == kRules.end()) {
    std::string known;
    for (const Rule& r : kRules) {
      known += (known.empty() ? "" : ", ") + std::string(r.pre);
    }
    throw Error(ErrorCode::Unsupported, file, "pre-tokenizer \"" + pre + "\"").hint("supported: " + known);
  }
  return {.normalizer = rule->nfc ? Json{{"type", "NFC"}} : Json(nullptr),
          .pre_tokenizer = make_cut(*rule),
          .ignore_merges = rule->ignore_merges,
          .add_bos = rule->add_bos};
}

}  // namespace burin::quantize
