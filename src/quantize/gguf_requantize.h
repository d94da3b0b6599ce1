// Tensors whose GGUF type no MLX layout holds: to floats, to another layout, and how much that changed.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "quantize/gguf_weights.h"

namespace burin::quantize {

/** Relative error by tensor type: sqrt(sum (w' - w)^2 / sum w^2). */
class RequantizeErrors {
 public:
  void add(const PlannedTensor& tensor, double squared_error, double squared_values);
  /** [{type, tensors, bits, group_size, rms_error, max_rms_error, worst}], by type. */
  Json to_json() const;

 private:
  struct Row {
    TensorLayout layout;
    int64_t tensors = 0;
    double squared_error = 0.0;
    double squared_values = 0.0;
    double max_rms_error = 0.0;
    std::string worst;
  };
  std::map<std::string, Row, std::less<>> rows_;
};

/**
 * Writes the entries of a requantized tensor and notes its error. Codes are those of mx::quantize on float32 values.
 * Throws: Unsupported when float16 was asked for and a value leaves its range.
 */
void requantize(const PlannedTensor& tensor, const InputFile& file, SafetensorsWriter& writer,
                RequantizeErrors& errors);

}  // namespace burin::quantize
