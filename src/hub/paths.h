// Where models lie: the Hugging Face cache, shared with its Python clients, and burin's own model home.
// Pure functions of the variables handed in; the environment itself is read by the program only.
#pragma once

#include <filesystem>
#include <map>
#include <string>

namespace burin::hub {

/** Environment variables by name; an empty value counts as unset. */
using Variables = std::map<std::string, std::string>;

struct HubPaths {
  std::filesystem::path home;        // what `~` stands for; may be empty
  std::filesystem::path model_home;  // BURIN_MODELS, XDG_DATA_HOME/burin/models, ~/.local/share/burin/models
  std::filesystem::path hub_cache;   // HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE, HF_HOME/hub, XDG_CACHE_HOME/huggingface/hub
};

/** Paths stay empty when nothing says where they are (no HOME). Source: huggingface_hub constants.py. */
HubPaths hub_paths(const Variables& variables);

/** `BASE/burin` for an XDG variable such as XDG_STATE_HOME, whose default is `~/fallback`; empty without a home. */
std::filesystem::path xdg_folder(const Variables& variables, const std::string& variable, const std::string& fallback);

/** `~` at the front and `$NAME` or `${NAME}` anywhere replaced; unknown variables stay as they are. */
std::filesystem::path expand(const std::string& text, const Variables& variables);

}  // namespace burin::hub
