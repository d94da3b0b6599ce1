// The nonlinearities of feed-forward blocks.
#pragma once

#include <optional>
#include <string>

#include "nn/parameters.h"
#include "nn/spec.h"
#include "ops/decoder_step.h"

namespace burin::nn {

/** act(x), or act(gate) * up for gated blocks. XieLU has four learned numbers under `path`. */
class ActivationFunction {
 public:
  ActivationFunction(Parameters& parameters, const std::string& path, Activation kind, double limit);
  mx::array operator()(const mx::array& x) const;
  mx::array gated(const mx::array& gate, const mx::array& up) const;
  void plan(ops::StepFfn& to) const;

 private:
  struct XieLU {
    mx::array positive, negative, beta, eps;
  };
  mx::array xielu(const mx::array& x) const;
  mx::array gegelu(const mx::array& gate, const mx::array& up) const;

  Activation kind_;
  double limit_;
  std::optional<XieLU> xielu_;
};

}  // namespace burin::nn
