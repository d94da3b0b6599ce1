// Whether a model folder is whole, from its files alone: names, sizes, JSON and safetensors headers; nothing is hashed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"

namespace burin::hub {

struct ModelFile {
  std::string name;  // relative to the folder, with `/`
  uint64_t size_bytes = 0;
  bool readable = true;  // false: a link to nothing, or no regular file
};

/** Regular files and broken links below `dir`, by name; folders behind links and hidden ones are left out. */
std::vector<ModelFile> list_files(const std::filesystem::path& dir);

struct HealthReport {
  bool healthy = true;
  std::string reason;  // "FILE: what is wrong" of the first problem
};

/** Quick verdict on a folder with these files. Never throws on what is in them. */
HealthReport check_health(const std::filesystem::path& dir, const std::vector<ModelFile>& files);

}  // namespace burin::hub
