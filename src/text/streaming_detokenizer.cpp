#include "text/streaming_detokenizer.h"

#include "text/bridge_call.h"
#include "text/tokenizer_state.h"

namespace burin::text {

void StreamingDetokenizer::StreamDeleter::operator()(burin_stream* stream) const {
  burin_stream_free(stream);
}

StreamingDetokenizer::StreamingDetokenizer(const Tokenizer& tokenizer) : tokenizer_(tokenizer.state_) {
  burin_stream* stream = nullptr;
  BridgeBuffer buffer;
  const int32_t status = burin_stream_new(tokenizer_->handle.get(), &stream, buffer.out());
  stream_.reset(stream);
  check_bridge(status, buffer, "detokenizer");
}

StreamingDetokenizer::~StreamingDetokenizer() = default;
StreamingDetokenizer::StreamingDetokenizer(StreamingDetokenizer&& other) noexcept = default;
StreamingDetokenizer& StreamingDetokenizer::operator=(StreamingDetokenizer&& other) noexcept = default;

std::string StreamingDetokenizer::add(int32_t id) {
  BridgeBuffer buffer;
  const int32_t status = burin_stream_add(stream_.get(), tokenizer_->handle.get(), id, buffer.out());
  check_bridge(status, buffer, "detokenizer");
  return std::string(buffer.text());
}

std::string StreamingDetokenizer::finish() {
  BridgeBuffer buffer;
  const int32_t status = burin_stream_finish(stream_.get(), tokenizer_->handle.get(), buffer.out());
  check_bridge(status, buffer, "detokenizer");
  return std::string(buffer.text());
}

}  // namespace burin::text
