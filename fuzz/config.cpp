// Any config.json must give the description of a decoder and its quantization, or a burin::Error. The first byte says
// which tensors the checkpoint holds; the rest is the text.
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "base/json.h"
#include "models/architecture.h"
#include "models/foreign_quantization.h"
#include "nn/quantization_entries.h"

namespace {

using namespace burin;

void read(const Json& json, bool has_all_tensors) {
  const JsonView config(json, "config.json");
  try {
    models::find_foreign_quantization(config, "/proc/no-such-folder");
    nn::read_quantization(config);
  } catch (const Error&) {
    // The description below does not depend on it.
  }
  const models::Architecture& architecture = models::find_architecture(config);
  architecture.spec(config, [&](const std::string&) { return has_all_tensors; });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) {
    return 0;
  }
  try {
    const Json json = parse_json({reinterpret_cast<const char*>(data) + 1, size - 1}, "config.json");
    read(json, (data[0] & 1U) != 0);
  } catch (const Error&) {
    return 0;
  }
  return 0;
}
