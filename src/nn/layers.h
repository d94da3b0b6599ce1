// The three layers with parameters of their own: linear map, embedding table, norm.
#pragma once

#include <optional>
#include <string>

#include "nn/parameters.h"
#include "nn/spec.h"
#include "ops/decoder_step.h"

namespace burin::nn {

/** The numbers of `a` in float32, which the plan keeps. */
const float* planned(ops::DecoderPlan& plan, const mx::array& a);

/** x (.., K) -> x @ W^T + b (.., N). */
class Linear {
 public:
  /** `rounding` is about packed weights. */
  Linear(Parameters& parameters, const std::string& path, int input_dims, int output_dims, bool bias,
         const ops::Rounding& rounding = {});
  mx::array operator()(const mx::array& x) const;
  /** False where a plan cannot hold it. */
  bool plan(ops::DecoderPlan& plan, ops::StepLinear& to) const;

 private:
  WeightMatrix weight_;
  std::optional<mx::array> bias_;
  ops::Rounding rounding_;
};

/** The token table, and the output map where the head is tied to it. */
class Embedding {
 public:
  Embedding(Parameters& parameters, const std::string& path, int vocab_size, int dims);
  /** Shapes: ids (B, L) -> (B, L, D). */
  mx::array operator()(const mx::array& ids) const;
  /** Shapes: x (.., D) -> (.., V). */
  mx::array as_linear(const mx::array& x) const;

 private:
  WeightMatrix table_;
};

/** RMS norm x * rsqrt(mean(x^2) + eps) or layer norm (x - mean) * rsqrt(var + eps), times w or 1 + w, plus b. */
class Norm {
 public:
  Norm(Parameters& parameters, const std::string& path, int dims, const NormSpec& spec);
  mx::array operator()(const mx::array& x) const;
  void plan(ops::DecoderPlan& plan, ops::StepNorm& to) const;

 private:
  NormSpec spec_;
  std::optional<mx::array> weight_;
  std::optional<mx::array> bias_;
};

}  // namespace burin::nn
