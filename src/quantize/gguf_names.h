// Tensor names of GGUF as module paths of mlx-lm.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "quantize/gguf_config.h"

namespace burin::quantize {

/** "blk.3.attn_q" -> "model.layers.3.self_attn.q_proj"; none for a name of no known part. */
std::optional<std::string> module_path(std::string_view stem, const GgufFamily& family);

/** Tensors that config.json takes up: factors of the rotation. */
bool is_consumed_by_config(std::string_view name);

}  // namespace burin::quantize
