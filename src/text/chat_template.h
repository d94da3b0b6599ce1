// Chat templates: the Jinja text of a model folder, rendered as transformers renders it.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "base/json.h"
#include "text/tokenizer.h"

struct burin_template;

namespace burin::text {

/**
 * One template; copies share it. A template is untrusted code: it reaches nothing but its context, and a rendering
 * ends within 2 million steps, 4 MiB of output and bounded memory.
 * Threads: `render` may be called from several threads at once.
 */
class ChatTemplate {
 public:
  /**
   * The template of `model_dir`, or none. chat_template.jinja beats tokenizer_config.json's `chat_template`; of
   * several (additional_chat_templates/, the list form) "tool_use" is taken when `with_tools`, else "default".
   * Throws: Corrupt (syntax), InvalidArgument (several, none of them the default).
   */
  static std::optional<ChatTemplate> load(const std::filesystem::path& model_dir, bool with_tools = false);

  /** Throws: Corrupt for a syntax error, ResourceExhausted for more than 1 MiB. */
  static ChatTemplate from_source(const std::string& jinja);

  /**
   * The text for the variables in `context`, an object.
   * Throws: InvalidArgument (the template failed; its own message after raise_exception), ResourceExhausted.
   */
  std::string render(const Json& context) const;

 private:
  explicit ChatTemplate(std::shared_ptr<burin_template> compiled);

  std::shared_ptr<burin_template> compiled_;
};

/**
 * The variables mlx-lm passes: messages (keys with null removed, reasoning copied to its other names), tools,
 * documents, add_generation_prompt, the tokenizer's special tokens, enable_thinking unless `kwargs` has it, and
 * `kwargs`, which win. `tokenizer` may be null. Throws: InvalidArgument when messages are not a list of objects.
 * Source: mlx-lm 0.32.2 tokenizer_utils, transformers 5.23 chat_template_utils.
 */
Json template_context(const Tokenizer* tokenizer, const Json& messages, const Json& tools, const Json& documents,
                      bool add_generation_prompt, const Json& kwargs);

}  // namespace burin::text
