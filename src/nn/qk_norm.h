// Norms of queries and keys in all the forms of QkNorm.
#pragma once

#include <optional>
#include <string>

#include "nn/layers.h"

namespace burin::nn {

/** Normalises one projection, in the layout (B, L, heads, Dh). */
class HeadNorm {
 public:
  HeadNorm(Parameters& parameters, const std::string& path, int heads, int head_dim, QkNorm kind, const NormSpec& norm);
  mx::array operator()(const mx::array& x) const;
  void plan(ops::DecoderPlan& plan, ops::StepHeadNorm& to) const;

 private:
  QkNorm kind_;
  float eps_;
  std::optional<Norm> norm_;         // PerHead and Whole
  std::optional<mx::array> weight_;  // (heads, Dh): EachHead and HeadList
};

}  // namespace burin::nn
