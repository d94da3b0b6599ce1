#include <array>
#include <cstddef>
#include <string>

#include <gtest/gtest.h>

#include "text/bridge/bridge.h"

// Two of the functions that llguidance brings along in the bridge; the first argument is its own opaque struct.
extern "C" {
void llg_constraint_init_set_defaults(void* init, const void* tokenizer);
int32_t llg_validate_grammar(const void* init, const char* kind, const char* data, char* message, size_t size);
}

namespace burin::text {
namespace {

TEST(Bridge, CarriesTheGrammarEngine) {
  alignas(std::max_align_t) std::array<std::byte, 512> init{};
  llg_constraint_init_set_defaults(init.data(), nullptr);
  std::array<char, 256> message{};
  EXPECT_EQ(llg_validate_grammar(init.data(), "regex", "[a-z]+", message.data(), message.size()), -1);
  EXPECT_STREQ(message.data(), "Tokenizer is null");
}

TEST(Bridge, ReturnsErrorsAsText) {
  burin_tokenizer* tokenizer = nullptr;
  burin_buffer out{};
  const std::string json = "{";
  const burin_text text{.data = reinterpret_cast<const uint8_t*>(json.data()), .size = json.size()};
  EXPECT_EQ(burin_tokenizer_load_file(text, &tokenizer, &out), BURIN_BRIDGE_CORRUPT);
  EXPECT_EQ(tokenizer, nullptr);
  EXPECT_GT(out.size, 0U);
  burin_buffer_free(out);
}

}  // namespace
}  // namespace burin::text
