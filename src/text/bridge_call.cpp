#include "text/bridge_call.h"

#include "base/error.h"

namespace burin::text {

namespace {

ErrorCode code_of(int32_t status) {
  switch (status) {
    case BURIN_BRIDGE_INVALID_ARGUMENT:
      return ErrorCode::InvalidArgument;
    case BURIN_BRIDGE_CORRUPT:
      return ErrorCode::Corrupt;
    case BURIN_BRIDGE_RESOURCE_EXHAUSTED:
      return ErrorCode::ResourceExhausted;
    case BURIN_BRIDGE_UNSUPPORTED:
      return ErrorCode::Unsupported;
    default:
      return ErrorCode::Internal;
  }
}

}  // namespace

void check_bridge(int32_t status, const BridgeBuffer& buffer, std::string_view where) {
  if (status != BURIN_BRIDGE_OK) {
    throw Error(code_of(status), where, buffer.text());
  }
}

}  // namespace burin::text
