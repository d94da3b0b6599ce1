// Any template must be refused or render, within its budget, to a text or an error; the same context gives the same
// text again. A part of the input behind a line of `=` is the context.
#include "text/chat_template.h"

#include <cstdlib>
#include <string>
#include <string_view>

#include "base/error.h"

namespace {

using namespace burin;

constexpr std::string_view kContext = R"({"messages": [{"role": "system", "content": "Be brief."},
  {"role": "user", "content": "Hi\n<b>", "parts": [1, 2.5, null]},
  {"role": "assistant", "content": null, "tool_calls": [{"function": {"name": "f", "arguments": {"a": [true]}}}]}],
  "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
  "add_generation_prompt": true, "bos_token": "<s>", "eos_token": "</s>", "n": 3, "s": "text"})";

Json context_of(std::string_view text) {
  const Json given = text.empty() ? parse_json(kContext, "context") : parse_json(text, "context");
  return given.is_object() ? given : parse_json(kContext, "context");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t end = input.find("\n=\n");
  try {
    const auto jinja = text::ChatTemplate::from_source(std::string(input.substr(0, end)));
    const Json context = context_of(end == std::string_view::npos ? std::string_view() : input.substr(end + 3));
    const std::string once = jinja.render(context);
    if (input.find("strftime") == std::string_view::npos && jinja.render(context) != once) {
      std::abort();
    }
  } catch (const Error& e) {
    if (e.code() == ErrorCode::Internal) {
      std::abort();
    }
  }
  return 0;
}
