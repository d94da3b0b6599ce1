// Calls into the Rust bridge: owned results, and its statuses as burin::Error. Used by this folder only.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "text/bridge/bridge.h"

namespace burin::text {

inline burin_text as_text(std::string_view text) {
  return {.data = reinterpret_cast<const uint8_t*>(text.data()), .size = text.size()};
}

/** What a function of the bridge returned; released with the object. */
class BridgeBuffer {
 public:
  BridgeBuffer() = default;
  ~BridgeBuffer() { burin_buffer_free(buffer_); }
  BridgeBuffer(const BridgeBuffer&) = delete;
  BridgeBuffer& operator=(const BridgeBuffer&) = delete;

  burin_buffer* out() { return &buffer_; }
  std::string_view text() const { return {reinterpret_cast<const char*>(buffer_.data), buffer_.size}; }

 private:
  burin_buffer buffer_{};
};

/** Throws the error that `status` and the text in `buffer` describe; nothing for BURIN_BRIDGE_OK. */
void check_bridge(int32_t status, const BridgeBuffer& buffer, std::string_view where);

}  // namespace burin::text
