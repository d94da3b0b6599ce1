// Gemma 3 without its eyes; what text_config leaves out has defaults of its own.
#include "models/config.h"
#include "models/text_tower.h"

namespace burin::models {

extern const Architecture gemma3_text_architecture;

namespace {

nn::DecoderSpec model(const JsonView& config, const HasTensor& has_tensor) {
  return text_tower(gemma3_text_architecture, config, has_tensor, [&](Json& text) {
    text["vocab_size"] = config.integer_or("vocab_size", 262208, 1, 1 << 24);
    text.emplace("num_attention_heads", 8);
    text.emplace("num_key_value_heads", 4);
  });
}

}  // namespace

extern const Architecture gemma3_architecture{
    .model_type = "gemma3",
    .aliases = {},
    .summary = "Gemma 3 with a vision tower, text only",
    .source = "mlx-lm 0.32.2 models/gemma3.py",
    .spec = model,
    .sanitize = text_tower_name,
};

}  // namespace burin::models
