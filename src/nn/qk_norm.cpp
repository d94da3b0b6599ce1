#include "nn/qk_norm.h"

namespace burin::nn {
namespace {

/** One tensor for each head: `path`.norms.N.weight. */
mx::array stacked(Parameters& parameters, const std::string& path, int heads, int head_dim) {
  std::vector<mx::array> rows;
  rows.reserve(static_cast<size_t>(heads));
  for (int i = 0; i < heads; ++i) {
    rows.push_back(parameters.tensor(path + ".norms." + std::to_string(i) + ".weight", {head_dim}));
  }
  return mx::stack(rows);
}

}  // namespace

HeadNorm::HeadNorm(Parameters& parameters, const std::string& path, int heads, int head_dim, QkNorm kind,
                   const NormSpec& norm)
    : kind_(kind), eps_(static_cast<float>(norm.eps)) {
  switch (kind) {
    case QkNorm::None:
      break;
    case QkNorm::PerHead:
      norm_.emplace(parameters, path, head_dim, norm);
      break;
    case QkNorm::Whole:
      norm_.emplace(parameters, path, heads * head_dim, norm);
      break;
    case QkNorm::EachHead:
      weight_ = parameters.tensor(path + ".weight", {heads, head_dim});
      break;
    case QkNorm::HeadList:
      weight_ = stacked(parameters, path, heads, head_dim);
      break;
  }
}

mx::array HeadNorm::operator()(const mx::array& x) const {
  if (kind_ == QkNorm::None) {
    return x;
  }
  if (weight_) {
    return mx::multiply(*weight_, mx::fast::layer_norm(x, std::nullopt, std::nullopt, eps_));
  }
  return kind_ == QkNorm::Whole ? mx::reshape((*norm_)(mx::flatten(x, -2, -1)), x.shape()) : (*norm_)(x);
}

void HeadNorm::plan(ops::DecoderPlan& plan, ops::StepHeadNorm& to) const {
  if (norm_) {
    norm_->plan(plan, to.norm);
    to.whole = kind_ == QkNorm::Whole;
  } else if (weight_) {
    to.norm = {.kind = ops::StepNormKind::Layer, .weight = planned(plan, *weight_), .bias = nullptr, .eps = eps_};
    to.stride = weight_->shape(-1);
  }
}

}  // namespace burin::nn
