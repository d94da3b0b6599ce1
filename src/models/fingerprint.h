// Tells models of the same shape apart, without reading them whole.
#pragma once

#include <filesystem>
#include <string>

namespace burin::models {

/**
 * 16 hexadecimal digits made of config.json and of the sizes and samples of all model*.safetensors in the folder.
 * Throws: as InputFile does.
 */
std::string model_fingerprint(const std::filesystem::path& model_dir);

}  // namespace burin::models
