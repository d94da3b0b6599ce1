// MLX, under the name the whole trunk uses.
#pragma once

#include <mlx/mlx.h>

namespace burin {

namespace mx = mlx::core;

}  // namespace burin
