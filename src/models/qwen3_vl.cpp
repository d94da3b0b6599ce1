// Qwen3-VL without its eyes: a Qwen3 decoder.
#include "models/config.h"
#include "models/text_tower.h"

namespace burin::models {

extern const Architecture qwen3_architecture;

namespace {

nn::DecoderSpec model(const JsonView& config, const HasTensor& has_tensor) {
  return text_tower(qwen3_architecture, config, has_tensor);
}

}  // namespace

extern const Architecture qwen3_vl_architecture{
    .model_type = "qwen3_vl",
    .aliases = {},
    .summary = "Qwen3-VL dense, text only",
    .source = "mlx-lm 0.32.2 models/qwen3_vl.py",
    .spec = model,
    .sanitize = text_tower_name,
};

}  // namespace burin::models
