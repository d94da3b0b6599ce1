// Which hub is asked, with which token and how patiently: the variables that Hugging Face's own client honours.
#pragma once

#include <filesystem>
#include <string>

#include "hub/paths.h"
#include "hub/url.h"

namespace burin::hub {

struct HubSettings {
  Url endpoint;                      // HF_ENDPOINT, default https://huggingface.co; its target is the path in front
  std::string token;                 // HF_TOKEN, HUGGING_FACE_HUB_TOKEN
  std::filesystem::path token_file;  // where no variable holds one: HF_TOKEN_PATH, HF_HOME/token
  bool send_token = true;            // HF_HUB_DISABLE_IMPLICIT_TOKEN
  bool offline = false;              // HF_HUB_OFFLINE, TRANSFORMERS_OFFLINE
  bool symlinks = true;              // HF_HUB_DISABLE_SYMLINKS
  int metadata_timeout_s = 10;       // HF_HUB_ETAG_TIMEOUT
  int download_timeout_s = 10;       // HF_HUB_DOWNLOAD_TIMEOUT

  /** An address below the endpoint; `target` begins with a slash and is encoded already. */
  Url url(std::string_view target) const;
};

/**
 * Settings from variables alone; no file is read. Source: huggingface_hub constants.py.
 * Throws: InvalidArgument for an HF_ENDPOINT that is no address.
 */
HubSettings hub_settings(const Variables& variables);

/** The token to send: the variable's, else the file's; empty without one or when none may be sent. */
std::string find_token(const HubSettings& settings);

/** 1, ON, YES and TRUE in any case. */
bool is_true(std::string_view text);

}  // namespace burin::hub
