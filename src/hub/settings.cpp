#include "hub/settings.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/error.h"
#include "base/file.h"

namespace burin::hub {
namespace {

constexpr uint64_t kMaxTokenFile = 64 << 10;

std::string value_of(const Variables& variables, std::string_view name) {
  const auto it = variables.find(std::string(name));
  return it == variables.end() ? "" : it->second;
}

bool flag_of(const Variables& variables, std::string_view name) {
  return is_true(value_of(variables, name));
}

/** Whole seconds of 1 to an hour; the default for anything else, as a time-out may not become endless. */
int seconds_of(const Variables& variables, std::string_view name, int fallback) {
  const std::string text = value_of(variables, name);
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = !text.empty() && error == std::errc() && end == text.data() + text.size();
  return whole && value >= 1 && value <= 3600 ? value : fallback;
}

/** A token is one word: blanks and line ends around it go, and what holds control bytes is none. */
std::string clean_token(std::string text) {
  std::erase_if(text, [](char c) { return c == '\r' || c == '\n'; });
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string::npos) {
    return "";
  }
  text = text.substr(first, text.find_last_not_of(" \t") - first + 1);
  return std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7F; }) ? text : "";
}

std::filesystem::path token_path(const Variables& variables) {
  if (const std::string path = value_of(variables, "HF_TOKEN_PATH"); !path.empty()) {
    return expand(path, variables);
  }
  if (const std::string home = value_of(variables, "HF_HOME"); !home.empty()) {
    return expand(home, variables) / "token";
  }
  const std::string cache = value_of(variables, "XDG_CACHE_HOME");
  const std::string home = value_of(variables, "HOME");
  const std::filesystem::path base = !cache.empty()  ? std::filesystem::path(cache)
                                     : !home.empty() ? std::filesystem::path(home) / ".cache"
                                                     : std::filesystem::path();
  return base.empty() ? base : base / "huggingface" / "token";
}

Url endpoint_of(const Variables& variables) {
  std::string text = value_of(variables, "HF_ENDPOINT");
  if (text.empty()) {
    text = "https://huggingface.co";
  }
  text.erase(text.find_last_not_of('/') + 1);
  try {
    Url url = parse_url(text);
    url.target = url.target == "/" ? "" : url.target.substr(0, url.target.find('?'));
    return url;
  } catch (Error& error) {
    throw Error(ErrorCode::InvalidArgument, "hub", "HF_ENDPOINT: " + error.message())
        .hint("it looks like https://huggingface.co");
  }
}

}  // namespace

bool is_true(std::string_view text) {
  static constexpr std::array<std::string_view, 4> kTrue{"1", "ON", "YES", "TRUE"};
  std::string upper(text);
  std::ranges::transform(upper, upper.begin(),
                         [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  return std::ranges::find(kTrue, upper) != kTrue.end();
}

Url HubSettings::url(std::string_view target) const {
  Url result = endpoint;
  result.target.append(target);
  return result;
}

HubSettings hub_settings(const Variables& variables) {
  HubSettings settings;
  settings.endpoint = endpoint_of(variables);
  settings.token = clean_token(value_of(variables, "HF_TOKEN"));
  if (settings.token.empty()) {
    settings.token = clean_token(value_of(variables, "HUGGING_FACE_HUB_TOKEN"));
  }
  settings.token_file = token_path(variables);
  settings.send_token = !flag_of(variables, "HF_HUB_DISABLE_IMPLICIT_TOKEN");
  settings.offline = flag_of(variables, "HF_HUB_OFFLINE") || flag_of(variables, "TRANSFORMERS_OFFLINE");
  settings.symlinks = !flag_of(variables, "HF_HUB_DISABLE_SYMLINKS");
  settings.metadata_timeout_s = seconds_of(variables, "HF_HUB_ETAG_TIMEOUT", settings.metadata_timeout_s);
  settings.download_timeout_s = seconds_of(variables, "HF_HUB_DOWNLOAD_TIMEOUT", settings.download_timeout_s);
  return settings;
}

std::string find_token(const HubSettings& settings) {
  if (!settings.send_token) {
    return "";
  }
  if (!settings.token.empty() || settings.token_file.empty()) {
    return settings.token;
  }
  try {
    return clean_token(read_file(settings.token_file, kMaxTokenFile));
  } catch (const Error&) {
    return "";  // no file, or none that this user may read: as good as no token
  }
}

}  // namespace burin::hub
