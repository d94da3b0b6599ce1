#include "text/generation.h"

#include <array>

namespace burin::text {

std::string_view to_string(FinishReason reason) {
  static constexpr std::array<std::string_view, 4> kNames{"", "stop", "length", "cancelled"};
  return kNames.at(static_cast<size_t>(reason));
}

}  // namespace burin::text
