// Which models burin runs, by config.json's model_type.
#pragma once

#include <string>
#include <vector>

namespace burin::hub {

/** The table of architectures: of each its model_type, then the other types that run the same code. */
std::vector<std::vector<std::string>> supported_architectures();

/** All these values, sorted. */
std::vector<std::string> supported_model_types();

}  // namespace burin::hub
