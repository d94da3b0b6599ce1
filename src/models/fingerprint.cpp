#include "models/fingerprint.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <vector>

#include "base/file.h"
#include "models/weights.h"

namespace burin::models {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kSamples = 64;
constexpr uint64_t kSampleBytes = 512;

/** FNV-1a: no protection against someone who wants two models to look alike, only against a mix-up. */
class Hash {
 public:
  void add(std::span<const std::byte> bytes) {
    for (const std::byte byte : bytes) {
      value_ = (value_ ^ std::to_integer<uint64_t>(byte)) * 0x100000001b3ULL;
    }
  }
  void add(std::string_view text) { add(std::as_bytes(std::span(text))); }
  uint64_t value() const { return value_; }

 private:
  uint64_t value_ = 0xcbf29ce484222325ULL;
};

void add_file(Hash& hash, const fs::path& path) {
  const InputFile file(path);
  hash.add(fmt::format("{} {}\n", file.name(), file.size()));
  std::array<std::byte, kSampleBytes> sample{};
  for (uint64_t i = 0; i < kSamples; ++i) {
    const uint64_t offset = file.size() / kSamples * i;
    const auto part = std::span(sample).first(std::min(kSampleBytes, file.size() - offset));
    file.read_at(offset, part);
    hash.add(part);
  }
}

}  // namespace

std::string model_fingerprint(const fs::path& model_dir) {
  Hash hash;
  add_file(hash, model_dir / "config.json");
  for (const fs::path& file : weight_files(model_dir)) {
    add_file(hash, file);
  }
  return fmt::format("{:016x}", hash.value());
}

}  // namespace burin::models
