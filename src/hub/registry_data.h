// The built-in list of models as text.
#pragma once

#include <string_view>

namespace burin::hub {

/** registry.json as it was when this program was built. */
std::string_view builtin_registry();

}  // namespace burin::hub
