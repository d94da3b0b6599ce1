// Mistral 3 and LLaVA without their eyes: a Ministral 3 or Llama decoder.
#include "models/config.h"
#include "models/text_tower.h"

namespace burin::models {

extern const Architecture llama_architecture;
extern const Architecture ministral3_architecture;

namespace {

nn::DecoderSpec model(const JsonView& config, const HasTensor& has_tensor) {
  const auto text_config = config.object("text_config");
  const bool ministral = text_config && text_config->string_or("model_type", "") == "ministral3";
  const Architecture& inner = ministral ? ministral3_architecture : llama_architecture;
  return text_tower(inner, config, has_tensor, [](Json& text) { text.emplace("tie_word_embeddings", false); });
}

}  // namespace

extern const Architecture mistral3_architecture{
    .model_type = "mistral3",
    .aliases = {"llava"},
    .summary = "Mistral Small 3 and Ministral 3 with a vision tower, text only",
    .source = "mlx-lm 0.32.2 models/mistral3.py",
    .spec = model,
    .sanitize = text_tower_name,
};

}  // namespace burin::models
