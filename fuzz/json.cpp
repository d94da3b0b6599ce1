// Any bytes must give JSON within the limits or a burin::Error; what parses must print and parse again to the same.
#include "base/json.h"

#include <cstdlib>
#include <string_view>

#include "base/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace burin;
  try {
    const Json value = parse_json({reinterpret_cast<const char*>(data), size}, "input");
    if (parse_json(dump_json(value), "again") != value) {
      std::abort();
    }
  } catch (const Error&) {
    return 0;
  }
  return 0;
}
