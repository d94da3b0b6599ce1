// The matrices of another quantizer's checkpoint under the names and in the layouts of MLX, computed while files are
// read. Stands between WeightFiles and the parameters.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "models/foreign_quantization.h"
#include "models/weights.h"

namespace burin::models {

/**
 * What fits an MLX layout stays quantized (AWQ, GPTQ, packed integers, mxfp4, mxfp8, nvfp4 without a global scale); the
 * rest becomes bfloat16 (float32 when widened). Tensors about activations are left out.
 * Throws: Corrupt for shapes that contradict each other; Unsupported for orders of columns that MLX cannot hold.
 */
class ForeignWeights : public nn::TensorSource {
 public:
  ForeignWeights(WeightFiles& files, const ForeignQuantization& how);

  const nn::StoredTensor* find(const std::string& name) const override;
  mx::array take(const std::string& name, bool widen) override;
  ops::PackedWeightPtr pack(const std::string& path, const nn::QuantizationEntry& entry) override;

 private:
  struct Derived {
    nn::StoredTensor stored;
    std::vector<std::string> sources;
    std::function<void(std::byte* out, bool widen)> fill;
  };
  struct Rule {
    ForeignLayout layout;
    std::string_view suffix;  // one tensor that every such matrix has
    void (ForeignWeights::*add)(const std::string& path);
  };

  std::function<std::vector<std::byte>()> reader(const std::string& name, std::vector<std::string>& sources) const;
  static const Rule* find_rule(ForeignLayout layout);
  void add_packed_columns(const std::string& path);
  void add_packed_integers(const std::string& path);
  void add_packed_mxfp4(const std::string& path);
  void add_packed_nvfp4(const std::string& path);
  void add_modelopt(const std::string& path);
  void add_fp8_blocks(const std::string& path);
  void add_fp8_tiles(const std::string& path);

  void add_transposed_factors(const std::string& path, bool awq);
  void add_words(const std::string& name, const std::string& source);
  void add_bytes(const std::string& name, const std::string& source);
  void add_nvfp4(const std::string& path, const std::string& codes, const std::string& global, bool divides);
  void check_order(const std::string& path, int64_t columns, int64_t groups) const;
  void refuse(const std::string& name, std::string_view why) const;
  const nn::StoredTensor& matrix(const std::string& name) const;
  const nn::StoredTensor& matrix(const std::string& name, const mx::Shape& shape) const;
  void derive(const std::string& name, Derived derived) { derived_.insert_or_assign(name, std::move(derived)); }

  WeightFiles& files_;
  const ForeignQuantization how_;
  std::map<std::string, Derived> derived_;
};

}  // namespace burin::models
