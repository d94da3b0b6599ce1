// Qwen2-VL and Qwen2.5-VL without their eyes: a Qwen2 decoder.
#include "models/config.h"
#include "models/text_tower.h"

namespace burin::models {

extern const Architecture qwen2_architecture;

namespace {

nn::DecoderSpec model(const JsonView& config, const HasTensor& has_tensor) {
  return text_tower(qwen2_architecture, config, has_tensor);
}

}  // namespace

extern const Architecture qwen2_vl_architecture{
    .model_type = "qwen2_vl",
    .aliases = {"qwen2_5_vl"},
    .summary = "Qwen2-VL and Qwen2.5-VL, text only",
    .source = "mlx-lm 0.32.2 models/qwen2_vl.py",
    .spec = model,
    .sanitize = text_tower_name,
};

}  // namespace burin::models
