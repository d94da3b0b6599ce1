#include "hub/paths.h"

#include <cctype>
#include <initializer_list>

namespace burin::hub {
namespace {

namespace fs = std::filesystem;

std::string value_of(const Variables& variables, const std::string& name) {
  const auto it = variables.find(name);
  return it == variables.end() ? "" : it->second;
}

fs::path below_home(const Variables& variables, const fs::path& rest) {
  const std::string home = value_of(variables, "HOME");
  return home.empty() ? fs::path() : fs::path(home) / rest;
}

/** Length of the variable reference at the front of `text` ("$NAME", "${NAME}") and its name; 0 when there is none. */
size_t reference_at(std::string_view text, std::string& name) {
  const bool braces = text.size() > 1 && text[1] == '{';
  size_t end = braces ? 2 : 1;
  const size_t begin = end;
  while (end < text.size() && (std::isalnum(static_cast<unsigned char>(text[end])) != 0 || text[end] == '_')) {
    ++end;
  }
  name = text.substr(begin, end - begin);
  if (name.empty() || (braces && (end == text.size() || text[end] != '}'))) {
    return 0;
  }
  return braces ? end + 1 : end;
}

}  // namespace

fs::path expand(const std::string& text, const Variables& variables) {
  std::string result;
  std::string_view rest = text;
  const std::string home = value_of(variables, "HOME");
  if (!home.empty() && rest.starts_with('~') && (rest.size() == 1 || rest[1] == '/')) {
    result = home;
    rest.remove_prefix(1);
  }
  while (!rest.empty()) {
    std::string name;
    const size_t length = rest.front() == '$' ? reference_at(rest, name) : 0;
    if (length > 0 && variables.contains(name)) {
      result += value_of(variables, name);
      rest.remove_prefix(length);
    } else {
      result += rest.front();
      rest.remove_prefix(1);
    }
  }
  return result;
}

fs::path xdg_folder(const Variables& variables, const std::string& variable, const std::string& fallback) {
  const std::string base = value_of(variables, variable);
  const fs::path folder = base.empty() ? below_home(variables, fallback) : fs::path(base);
  return folder.empty() ? folder : folder / "burin";
}

HubPaths hub_paths(const Variables& variables) {
  HubPaths paths{.home = value_of(variables, "HOME"), .model_home = {}, .hub_cache = {}};
  const std::string models = value_of(variables, "BURIN_MODELS");
  const fs::path data = xdg_folder(variables, "XDG_DATA_HOME", ".local/share");
  paths.model_home = !models.empty() ? expand(models, variables) : data.empty() ? data : data / "models";

  for (const char* name : {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"}) {
    if (const std::string value = value_of(variables, name); !value.empty()) {
      paths.hub_cache = expand(value, variables);
      return paths;
    }
  }
  const std::string hf_home = value_of(variables, "HF_HOME");
  const std::string cache_home = value_of(variables, "XDG_CACHE_HOME");
  if (!hf_home.empty()) {
    paths.hub_cache = expand(hf_home, variables) / "hub";
  } else if (!cache_home.empty()) {
    paths.hub_cache = fs::path(cache_home) / "huggingface" / "hub";
  } else {
    paths.hub_cache = below_home(variables, fs::path(".cache") / "huggingface" / "hub");
  }
  return paths;
}

}  // namespace burin::hub
