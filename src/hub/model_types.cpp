#include "hub/model_types.h"

#include <algorithm>
#include <string_view>

#include "hub/model_types_data.h"

namespace burin::hub {
namespace {

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    parts.emplace_back(text.substr(0, text.find(separator)));
    text.remove_prefix(std::min(text.size(), parts.back().size() + 1));
  }
  return parts;
}

}  // namespace

std::vector<std::vector<std::string>> supported_architectures() {
  std::vector<std::vector<std::string>> architectures;
  for (const std::string& names : split(kModelTypes, ',')) {
    architectures.push_back(split(names, ':'));
  }
  return architectures;
}

std::vector<std::string> supported_model_types() {
  std::vector<std::string> types;
  for (const std::vector<std::string>& names : supported_architectures()) {
    types.insert(types.end(), names.begin(), names.end());
  }
  std::ranges::sort(types);
  return types;
}

}  // namespace burin::hub
