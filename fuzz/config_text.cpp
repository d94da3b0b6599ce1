// Any bytes must give entries or a burin::Error; an edit must change what it says and nothing else.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/error.h"
#include "cli/config_text.h"

namespace {

using burin::cli::ConfigEntry;

/** All but `run.seed`, whose lines may move. */
std::string others(const std::string& text) {
  std::string all;
  for (const ConfigEntry& entry : burin::cli::parse_config(text)) {
    const bool edited = entry.table == "run" && (entry.name == "seed" || entry.name.empty());
    if (!edited && !(entry.name.empty() && entry.values.empty())) {
      all += entry.table + "." + entry.name + "=";
      for (const std::string& value : entry.values) {
        all += value + ",";
      }
    }
  }
  return all;
}

bool has_seed(const std::string& text, const std::string& value) {
  for (const ConfigEntry& entry : burin::cli::parse_config(text)) {
    if (entry.table == "run" && entry.name == "seed") {
      return entry.values.size() == 1 && entry.values.front() == value;
    }
  }
  return false;
}

void check(bool condition) {
  if (!condition) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace burin;
  const std::string text(reinterpret_cast<const char*>(data), size);
  try {
    const std::string before = others(text);
    const std::string with = cli::with_entry(text, "run", "seed", "7");
    check(has_seed(with, "7") && others(with) == before);
    const std::string without = cli::without_entry(with, "run", "seed");
    check(!has_seed(without, "7") && others(without) == before);
  } catch (const Error& error) {
    check(error.code() == ErrorCode::Corrupt || error.code() == ErrorCode::Unsupported);
  }
  return 0;
}
