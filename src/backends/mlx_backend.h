// engine::Backend on MLX: a model, its tokenizer and its chat template behind the contract.
#pragma once

#include <memory>

#include "engine/backend.h"

namespace burin::backends {

std::unique_ptr<engine::Backend> make_mlx_backend();
std::unique_ptr<engine::ModelTools> make_mlx_tools();

}  // namespace burin::backends
