// What a caller asks, in the forms it may have, and its way to token ids.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/json.h"
#include "engine/backend.h"

namespace burin::engine {

/** A conversation for the model's own chat template. */
struct ChatPrompt {
  Json messages = Json::array();  // [{"role", "content", ..}]
  Json tools;                     // null: none
  Json template_kwargs = Json::object();
  bool add_generation_prompt = true;
};

/** Text to continue, token ids as they are, or a conversation. */
using Prompt = std::variant<std::string, std::vector<int32_t>, ChatPrompt>;

/** Special tokens are added unless the text already begins with the one that would come first. */
std::vector<int32_t> encode_text(Backend& backend, std::string_view text);

/**
 * The prompt's token ids; a chat template brings its special tokens itself.
 * Throws: InvalidArgument for a prompt that is empty or leaves no room in the context; as apply_chat_template.
 */
std::vector<int32_t> encode_prompt(Backend& backend, const Prompt& prompt);

}  // namespace burin::engine
