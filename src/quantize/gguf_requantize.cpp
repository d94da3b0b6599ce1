#include "quantize/gguf_requantize.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "ops/array.h"

namespace burin::quantize {
namespace {

constexpr int64_t kValuesAtOnce = int64_t{1} << 23;

/** What the entries of one tensor are made of, piece by piece. */
struct Pieces {
  std::vector<std::byte> codes;  // or float16 values
  std::vector<std::byte> scales;
  std::vector<std::byte> biases;
  double squared_error = 0.0;
  double squared_values = 0.0;
};

void append(std::vector<std::byte>& out, const void* data, size_t size) {
  const auto* bytes = static_cast<const std::byte*>(data);
  out.insert(out.end(), bytes, bytes + size);
}

void append(std::vector<std::byte>& out, const mx::array& values) {
  append(out, values.data<uint8_t>(), values.nbytes());
}

void measure(const float* before, const float* after, size_t count, Pieces& out) {
  for (size_t i = 0; i < count; ++i) {
    const double difference = static_cast<double>(after[i]) - before[i];
    out.squared_error += difference * difference;
    out.squared_values += static_cast<double>(before[i]) * before[i];
  }
}

std::vector<float> dequantize_rows(const PlannedTensor& tensor, const std::vector<std::byte>& bytes, int64_t begin,
                                   int64_t end) {
  const BlockFormat& format = *tensor.format;
  const int64_t columns = tensor.source->shape[1];
  const int64_t row_bytes = columns / format.values * format.bytes;
  std::vector<float> values(static_cast<size_t>((end - begin) * columns));
  float* out = values.data();
  for (int64_t row = begin; row < end; ++row) {
    const auto* block = reinterpret_cast<const uint8_t*>(bytes.data()) + source_row(tensor, row) * row_bytes;
    for (int64_t at = 0; at < columns; at += format.values) {
      dequantize_block(format, block, out);
      block += format.bytes;
      out += format.values;
    }
  }
  return values;
}

void add_quantized(const PlannedTensor& tensor, const std::vector<float>& values, int rows, Pieces& out) {
  const TensorLayout& layout = tensor.layout;
  const mx::array w(values.data(), {rows, static_cast<int>(tensor.source->shape[1])}, mx::float32);
  std::vector<mx::array> parts = mx::quantize(w, layout.group_size, layout.bits);
  mx::array after = mx::dequantize(parts[0], parts[1], parts[2], layout.group_size, layout.bits);
  mx::eval({parts[0], parts[1], parts[2], after});
  append(out.codes, parts[0]);
  append(out.scales, parts[1]);
  append(out.biases, parts[2]);
  measure(values.data(), after.data<float>(), values.size(), out);
}

void add_halves(const PlannedTensor& tensor, const std::vector<float>& values, const std::string& file, Pieces& out) {
  std::vector<float> after(values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    const auto half = static_cast<_Float16>(values[i]);
    after[i] = static_cast<float>(half);
    if (!std::isfinite(after[i])) {
      throw Error(ErrorCode::Unsupported, file, "tensor " + tensor.source->name + " leaves the range of float16")
          .hint("--requantize 8 keeps it in range");
    }
    append(out.codes, &half, sizeof half);
  }
  measure(values.data(), after.data(), values.size(), out);
}

double relative(double squared_error, double squared_values) {
  return squared_values > 0.0 ? std::sqrt(squared_error / squared_values) : 0.0;
}

}  // namespace

void RequantizeErrors::add(const PlannedTensor& tensor, double squared_error, double squared_values) {
  Row& row = rows_[std::string(tensor.format->name)];
  row.layout = tensor.layout;
  ++row.tensors;
  row.squared_error += squared_error;
  row.squared_values += squared_values;
  const double error = relative(squared_error, squared_values);
  if (row.worst.empty() || error > row.max_rms_error) {
    row.max_rms_error = error;
    row.worst = tensor.source->name;
  }
}

Json RequantizeErrors::to_json() const {
  Json list = Json::array();
  for (const auto& [type, row] : rows_) {
    list.push_back({{"type", type},
                    {"tensors", row.tensors},
                    {"bits", row.layout.bits == 0 ? 16 : row.layout.bits},
                    {"group_size", row.layout.bits == 0 ? Json(nullptr) : Json(row.layout.group_size)},
                    {"rms_error", relative(row.squared_error, row.squared_values)},
                    {"max_rms_error", row.max_rms_error},
                    {"worst", row.worst}});
  }
  return list;
}

void requantize(const PlannedTensor& tensor, const InputFile& file, SafetensorsWriter& writer,
                RequantizeErrors& errors) {
  const std::vector<std::byte> bytes = read_tensor(*tensor.source, file);
  const int64_t rows = tensor.source->shape[0];
  const int64_t step = std::max<int64_t>(1, kValuesAtOnce / std::max<int64_t>(1, tensor.source->shape[1]));
  Pieces pieces;
  for (int64_t row = 0; row < rows; row += step) {
    const int64_t end = std::min(rows, row + step);
    const std::vector<float> values = dequantize_rows(tensor, bytes, row, end);
    if (tensor.layout.bits == 0) {
      add_halves(tensor, values, file.name(), pieces);
    } else {
      add_quantized(tensor, values, static_cast<int>(end - row), pieces);
    }
  }
  writer.write(pieces.codes);
  writer.write(pieces.scales);
  writer.write(pieces.biases);
  errors.add(tensor, pieces.squared_error, pieces.squared_values);
}

}  // namespace burin::quantize
