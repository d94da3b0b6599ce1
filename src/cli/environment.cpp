#include "cli/environment.h"

#include <unistd.h>

#include <array>
#include <utility>

#include "base/process.h"

namespace burin::cli {
namespace {

uint64_t memory_total() {
  const long pages = ::sysconf(_SC_PHYS_PAGES);
  const long page_size = ::sysconf(_SC_PAGESIZE);
  return pages > 0 && page_size > 0 ? static_cast<uint64_t>(pages) * static_cast<uint64_t>(page_size) : 0;
}

}  // namespace

Environment read_environment() {
  hub::Variables variables = process_variables();
  const auto term = variables.find("TERM");
  const bool dumb = term == variables.end() || term->second == "dumb";
  const bool no_color = variables.contains("NO_COLOR");
  std::filesystem::path state_dir = hub::xdg_folder(variables, "XDG_STATE_HOME", ".local/state");
  std::filesystem::path cache_dir = hub::xdg_folder(variables, "XDG_CACHE_HOME", ".cache");
  hub::HubPaths paths = hub::hub_paths(variables);
  const std::filesystem::path config_dir = hub::xdg_folder(variables, "XDG_CONFIG_HOME", ".config");
  return {
      .paths = std::move(paths),
      .state_dir = std::move(state_dir),
      .cache_dir = std::move(cache_dir),
      .config_file = config_dir.empty() ? config_dir : config_dir / "config.toml",
      .variables = std::move(variables),
      .no_color = no_color,
      .dumb_terminal = dumb,
      .stdin_terminal = ::isatty(STDIN_FILENO) == 1,
      .stdout_terminal = ::isatty(STDOUT_FILENO) == 1,
      .stderr_terminal = ::isatty(STDERR_FILENO) == 1,
      .memory_total_bytes = memory_total(),
  };
}

std::span<const KnownVariable> known_variables() {
  static constexpr std::array kVariables{
      KnownVariable{"BURIN_MODELS", "the folder of burin's own models"},
      KnownVariable{"HF_ENDPOINT", "the Hub that is asked (default https://huggingface.co)"},
      KnownVariable{"HF_HOME", "the Hugging Face folder; its cache is in hub/, a token in token"},
      KnownVariable{"HF_HUB_CACHE", "the Hugging Face cache itself"},
      KnownVariable{"HF_HUB_DISABLE_IMPLICIT_TOKEN", "1: no token is sent"},
      KnownVariable{"HF_HUB_DISABLE_SYMLINKS", "1: files of the cache are copies, not links"},
      KnownVariable{"HF_HUB_DOWNLOAD_TIMEOUT", "seconds of silence that end a download (default 10)"},
      KnownVariable{"HF_HUB_ETAG_TIMEOUT", "seconds to wait for the Hub's interface (default 10)"},
      KnownVariable{"HF_HUB_OFFLINE", "1: the Hub is not asked"},
      KnownVariable{"HF_TOKEN", "the token for private and gated models"},
      KnownVariable{"HF_TOKEN_PATH", "the file that holds it otherwise"},
      KnownVariable{"HUGGINGFACE_HUB_CACHE", "the older name of HF_HUB_CACHE"},
      KnownVariable{"NO_COLOR", "any value: no colours"},
      KnownVariable{"TERM", "dumb or nothing: no colours and no cursor movements"},
      KnownVariable{"XDG_CACHE_HOME", "holds huggingface/hub and burin/packed (default ~/.cache)"},
      KnownVariable{"XDG_CONFIG_HOME", "holds burin/config.toml (default ~/.config)"},
      KnownVariable{"XDG_DATA_HOME", "holds burin/models (default ~/.local/share)"},
      KnownVariable{"XDG_STATE_HOME", "holds burin/: chat_history, notes on unfinished pulls (default ~/.local/state)"},
  };
  return kVariables;
}

}  // namespace burin::cli
