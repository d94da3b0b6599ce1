// Safetensors: the header checked before any byte reaches a model, and a writer that streams.
// Source: the safetensors README; stricter where reading untrusted files needs it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"

namespace burin {

/** Element types that MLX can hold, and floats of one byte, which it holds as bytes. */
enum class Dtype { Bool, U8, I8, U16, I16, U32, I32, U64, I64, F16, BF16, F32, F64, F8E4M3, F8E8M0 };

/** The name in a safetensors header: "BF16". */
std::string_view name(Dtype dtype);
/** Bytes of one element. */
size_t size_of(Dtype dtype);

struct TensorInfo {
  std::string name;
  Dtype dtype = Dtype::F32;
  std::vector<int64_t> shape;
  uint64_t offset = 0;  // from the start of the file
  uint64_t nbytes = 0;
};

struct SafetensorsHeader {
  std::vector<TensorInfo> tensors;  // by offset
  std::map<std::string, std::string> metadata;
  uint64_t data_offset = 0;
};

/**
 * Reads and checks the header: limits before allocation, no overlap, no hole, nothing after the last tensor,
 * sizes that fit shapes, dimensions that fit MLX. Throws: Corrupt (file and reason), Unsupported (element type named).
 */
SafetensorsHeader read_safetensors_header(const InputFile& file);

/** prod(shape) * size_of(dtype). Throws: Corrupt, naming `where`, on negative or overflowing dimensions. */
uint64_t tensor_bytes(Dtype dtype, const std::vector<int64_t>& shape, std::string_view where);

/** Writes one file, tensor after tensor; visible under its name only after commit(). Throws as OutputFile does. */
class SafetensorsWriter {
 public:
  /** `tensors` in the order in which their bytes will come; offset and nbytes are computed here. */
  SafetensorsWriter(const std::filesystem::path& path, const std::vector<TensorInfo>& tensors,
                    const std::map<std::string, std::string>& metadata);
  /** The next bytes of the data section, split anywhere. */
  void write(std::span<const std::byte> bytes);
  /** Throws: Internal when fewer or more bytes came than the header promised. */
  void commit();

 private:
  OutputFile file_;
  uint64_t promised_ = 0;
  uint64_t written_ = 0;
};

}  // namespace burin
