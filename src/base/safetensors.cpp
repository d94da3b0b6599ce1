#include "base/safetensors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/json.h"

namespace burin {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors data is little-endian and read in place");

constexpr uint64_t kMaxHeader = 100'000'000;
constexpr size_t kMaxRank = 8;
constexpr uint64_t kLengthField = 8;
constexpr uint64_t kDataAlignment = 64;  // eight is asked for; vectors of a mapped file want more

struct DtypeRow {
  std::string_view name;
  size_t size;
};
constexpr std::array<DtypeRow, 15> kDtypes{{{"BOOL", 1},
                                            {"U8", 1},
                                            {"I8", 1},
                                            {"U16", 2},
                                            {"I16", 2},
                                            {"U32", 4},
                                            {"I32", 4},
                                            {"U64", 8},
                                            {"I64", 8},
                                            {"F16", 2},
                                            {"BF16", 2},
                                            {"F32", 4},
                                            {"F64", 8},
                                            {"F8_E4M3", 1},
                                            {"F8_E8M0", 1}}};

Error corrupt(std::string_view file, const std::string& message) {
  return Error(ErrorCode::Corrupt, file, message);
}

Dtype parse_dtype(const std::string& text, const std::string& tensor, std::string_view file) {
  const auto row = std::ranges::find(kDtypes, text, &DtypeRow::name);
  if (row == kDtypes.end()) {
    throw Error(ErrorCode::Unsupported, file, "tensor " + tensor + " has elements of type " + text)
        .hint("burin reads BOOL, integers, F8_E4M3, F8_E8M0, F16, BF16, F32 and F64");
  }
  return static_cast<Dtype>(row - kDtypes.begin());
}

std::vector<int64_t> parse_shape(const SortedJson& value, const std::string& tensor, std::string_view file) {
  if (!value.is_array() || value.size() > kMaxRank) {
    throw corrupt(file, "tensor " + tensor + ": \"shape\" must be a list of at most 8 dimensions");
  }
  std::vector<int64_t> shape;
  for (const SortedJson& dim : value) {
    if (!dim.is_number_unsigned() || dim.get<uint64_t>() > std::numeric_limits<int32_t>::max()) {
      throw corrupt(file, "tensor " + tensor + ": a dimension is no integer from 0 to 2147483647");
    }
    shape.push_back(dim.get<int64_t>());
  }
  return shape;
}

std::pair<uint64_t, uint64_t> parse_offsets(const SortedJson& value, const std::string& tensor, std::string_view file) {
  if (!value.is_array() || value.size() != 2 || !value[0].is_number_unsigned() || !value[1].is_number_unsigned() ||
      value[0].get<uint64_t>() > value[1].get<uint64_t>()) {
    throw corrupt(file, "tensor " + tensor + ": \"data_offsets\" must be two integers in ascending order");
  }
  return {value[0].get<uint64_t>(), value[1].get<uint64_t>()};
}

const SortedJson& field(const SortedJson& entry, const char* key, const std::string& tensor, std::string_view file) {
  const auto it = entry.find(key);
  if (it == entry.end()) {
    throw corrupt(file, "tensor " + tensor + " has no \"" + key + "\"");
  }
  return *it;
}

TensorInfo parse_tensor(const std::string& tensor, const SortedJson& entry, std::string_view file) {
  if (!entry.is_object()) {
    throw corrupt(file, "tensor " + tensor + " is no JSON object");
  }
  TensorInfo info{.name = tensor};
  const SortedJson& dtype = field(entry, "dtype", tensor, file);
  info.dtype = parse_dtype(dtype.is_string() ? dtype.get<std::string>() : dump_sorted_json(dtype), tensor, file);
  info.shape = parse_shape(field(entry, "shape", tensor, file), tensor, file);
  const auto [begin, end] = parse_offsets(field(entry, "data_offsets", tensor, file), tensor, file);
  info.offset = begin;
  info.nbytes = end - begin;
  if (info.nbytes != tensor_bytes(info.dtype, info.shape, file)) {
    throw corrupt(file, "tensor " + tensor + ": its bytes do not fit its shape");
  }
  return info;
}

std::map<std::string, std::string> parse_metadata(const SortedJson& value, std::string_view file) {
  std::map<std::string, std::string> metadata;
  if (value.is_null()) {  // what mx.save_safetensors writes when it is given none
    return metadata;
  }
  if (!value.is_object()) {
    throw corrupt(file, "\"__metadata__\" is no JSON object");
  }
  for (const auto& [key, text] : value.items()) {
    if (!text.is_string()) {
      throw corrupt(file, "\"__metadata__\" holds something other than text");
    }
    metadata[key] = text.get<std::string>();
  }
  return metadata;
}

/** Tensors must follow each other without overlap or hole, and fill the data section. */
void check_layout(SafetensorsHeader& header, uint64_t data_size, std::string_view file) {
  std::ranges::sort(header.tensors, [](const TensorInfo& a, const TensorInfo& b) {
    return std::pair(a.offset, a.nbytes) < std::pair(b.offset, b.nbytes);
  });
  uint64_t at = 0;
  for (TensorInfo& tensor : header.tensors) {
    if (tensor.offset != at) {
      throw corrupt(file,
                    "tensor " + tensor.name + (tensor.offset < at ? " overlaps another" : " leaves a hole before it"));
    }
    at += tensor.nbytes;
    if (at > data_size) {
      throw corrupt(file, "tensor " + tensor.name + " reaches beyond the end of the file");
    }
    tensor.offset += header.data_offset;
  }
  if (at != data_size) {
    throw corrupt(file, "has " + std::to_string(data_size - at) + " bytes after its last tensor");
  }
}

std::string read_header_text(const InputFile& file) {
  if (file.size() < kLengthField) {
    throw corrupt(file.name(), "too short for a safetensors file");
  }
  std::array<std::byte, kLengthField> raw{};
  file.read_at(0, raw);
  uint64_t length = 0;
  std::memcpy(&length, raw.data(), raw.size());
  if (length > kMaxHeader || length > file.size() - kLengthField) {
    throw corrupt(file.name(), "its header claims " + std::to_string(length) + " bytes");
  }
  std::string text(length, '\0');
  file.read_at(kLengthField, std::as_writable_bytes(std::span(text)));
  return text;
}

}  // namespace

std::string_view name(Dtype dtype) {
  return kDtypes.at(static_cast<size_t>(dtype)).name;
}
size_t size_of(Dtype dtype) {
  return kDtypes.at(static_cast<size_t>(dtype)).size;
}

uint64_t tensor_bytes(Dtype dtype, const std::vector<int64_t>& shape, std::string_view where) {
  uint64_t bytes = size_of(dtype);
  for (const int64_t dim : shape) {
    if (dim < 0 || __builtin_mul_overflow(bytes, static_cast<uint64_t>(dim), &bytes)) {
      throw corrupt(where, "a tensor's shape overflows");
    }
  }
  return bytes;
}

SafetensorsHeader read_safetensors_header(const InputFile& file) {
  const std::string text = read_header_text(file);
  const SortedJson json = parse_sorted_json(text, file.name(), {.max_bytes = kMaxHeader, .max_depth = 4});
  if (!json.is_object()) {
    throw corrupt(file.name(), "its header is no JSON object");
  }
  SafetensorsHeader header;
  header.data_offset = kLengthField + text.size();
  for (const auto& [key, entry] : json.items()) {
    if (key == "__metadata__") {
      header.metadata = parse_metadata(entry, file.name());
    } else {
      header.tensors.push_back(parse_tensor(key, entry, file.name()));
    }
  }
  check_layout(header, file.size() - header.data_offset, file.name());
  return header;
}

SafetensorsWriter::SafetensorsWriter(const std::filesystem::path& path, const std::vector<TensorInfo>& tensors,
                                     const std::map<std::string, std::string>& metadata)
    : file_(path) {
  SortedJson header = SortedJson::object();
  if (!metadata.empty()) {
    header["__metadata__"] = metadata;
  }
  for (const TensorInfo& tensor : tensors) {
    const uint64_t bytes = tensor_bytes(tensor.dtype, tensor.shape, path.filename().string());
    header[tensor.name] = {
        {"dtype", name(tensor.dtype)}, {"shape", tensor.shape}, {"data_offsets", {promised_, promised_ + bytes}}};
    promised_ += bytes;
  }
  std::string text = dump_sorted_json(header);
  text.resize((kLengthField + text.size() + kDataAlignment - 1) / kDataAlignment * kDataAlignment - kLengthField, ' ');
  const uint64_t length = text.size();
  file_.write(std::as_bytes(std::span(&length, 1)));
  file_.write(text);
}

void SafetensorsWriter::write(std::span<const std::byte> bytes) {
  file_.write(bytes);
  written_ += bytes.size();
}

void SafetensorsWriter::commit() {
  BURIN_CHECK(written_ == promised_);
  file_.commit();
}

}  // namespace burin
