#include <string>

#include <gtest/gtest.h>

#include "text/bridge/bridge.h"

namespace burin::text {
namespace {

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
