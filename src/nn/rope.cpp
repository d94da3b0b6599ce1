#include "nn/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace burin::nn {
namespace {

mx::array as_array(const std::vector<double>& values) {
  const std::vector<float> floats(values.begin(), values.end());
  return mx::array(floats.begin(), {static_cast<int>(floats.size())}, mx::float32);
}

/** theta^(2i/dims): the period of each rotated pair, in positions per radian. */
mx::array base_periods(const RopeSpec& spec) {
  const mx::array exponents = mx::divide(mx::arange(0, spec.dims, 2, mx::float32), scalar(spec.dims));
  return mx::power(scalar(spec.theta), exponents);
}

mx::array llama3_periods(const RopeSpec& spec) {
  const mx::array periods = base_periods(spec);
  const double length = spec.original_max_position_embeddings;
  const mx::array wavelengths = mx::multiply(scalar(2 * std::numbers::pi), periods);
  const mx::array longest = scalar(length / spec.low_freq_factor);
  const mx::array shortest = scalar(length / spec.high_freq_factor);
  const mx::array slowed =
      mx::where(mx::greater(wavelengths, longest), mx::multiply(periods, scalar(spec.factor)), periods);
  const mx::array smooth =
      mx::divide(mx::subtract(mx::divide(scalar(length), wavelengths), scalar(spec.low_freq_factor)),
                 scalar(spec.high_freq_factor - spec.low_freq_factor));
  const mx::array blend = mx::add(mx::divide(mx::subtract(scalar(1.0), smooth), scalar(spec.factor)), smooth);
  const mx::array between = mx::logical_and(mx::greater(wavelengths, shortest), mx::less(wavelengths, longest));
  return mx::where(between, mx::divide(slowed, blend), slowed);
}

double yarn_mscale(double factor, double mscale) {
  return factor <= 1 ? 1.0 : 0.1 * mscale * std::log(factor) + 1.0;
}

mx::array yarn_periods(const RopeSpec& spec) {
  const auto correction_dim = [&](double rotations) {
    return spec.dims * std::log(spec.original_max_position_embeddings / (rotations * 2 * std::numbers::pi)) /
           (2 * std::log(spec.theta));
  };
  const double low = std::max(std::floor(correction_dim(spec.beta_fast)), 0.0);
  double high = std::min(std::ceil(correction_dim(spec.beta_slow)), static_cast<double>(spec.dims - 1));
  if (low == high) {
    high += 0.001;
  }
  const int pairs = spec.dims / 2;
  const mx::array ramp =
      mx::divide(mx::subtract(mx::arange(0, pairs, 1, mx::float32), scalar(low)), scalar(high - low));
  const mx::array keep = mx::subtract(scalar(1.0), mx::clip(ramp, scalar(0.0), scalar(1.0)));
  const mx::array extrapolated = base_periods(spec);
  const mx::array interpolated = mx::multiply(scalar(spec.factor), extrapolated);
  return mx::divide(
      mx::multiply(interpolated, extrapolated),
      mx::add(mx::multiply(interpolated, keep), mx::multiply(extrapolated, mx::subtract(scalar(1.0), keep))));
}

double longrope_scale(const RopeSpec& spec) {
  const double ratio = static_cast<double>(spec.max_position_embeddings) / spec.original_max_position_embeddings;
  return ratio <= 1.0 ? 1.0 : std::sqrt(1 + std::log(ratio) / std::log(spec.original_max_position_embeddings));
}

/** The base that dynamic NTK scaling uses once `length` tokens are in play. */
double dynamic_theta(const RopeSpec& spec, int length) {
  const double seen = std::max(length, spec.max_position_embeddings);
  const double growth = spec.factor * seen / spec.max_position_embeddings - (spec.factor - 1);
  return spec.theta * std::pow(growth, spec.dims / (spec.dims - 2.0));
}

mx::array scale_rotated(const mx::array& x, int dims, double factor) {
  const mx::array by = scalar_like(factor, x);
  if (x.shape(-1) == dims) {
    return mx::multiply(x, by);
  }
  const std::vector<mx::array> parts = mx::split(x, mx::Shape{dims}, -1);
  return mx::concatenate({mx::multiply(parts[0], by), parts[1]}, -1);
}

}  // namespace

Rope::Rope(const RopeSpec& spec) : spec_(spec) {
  switch (spec.kind) {
    case RopeKind::Default:
      if (spec.reversed) {
        periods_ = mx::negative(base_periods(spec));
      }
      break;
    case RopeKind::Dynamic:
      break;
    case RopeKind::Linear:
      position_scale_ = 1.0 / spec.factor;
      break;
    case RopeKind::Llama3:
      periods_ = llama3_periods(spec);
      break;
    case RopeKind::Yarn:
      periods_ = yarn_periods(spec);
      input_scale_ = yarn_mscale(spec.factor, spec.mscale) / yarn_mscale(spec.factor, spec.mscale_all_dim);
      break;
    case RopeKind::LongRope:
      periods_ = mx::multiply(as_array(spec.long_factor), base_periods(spec));
      input_scale_ = longrope_scale(spec);
      break;
  }
  if (periods_) {
    periods_->eval();
  }
}

mx::array Rope::operator()(const mx::array& x, int offset) const {
  if (spec_.dims == 0) {
    return x;
  }
  const mx::array scaled = input_scale_ == 1.0 ? x : scale_rotated(x, spec_.dims, input_scale_);
  std::optional<float> theta;
  if (!periods_) {
    theta =
        static_cast<float>(spec_.kind == RopeKind::Dynamic ? dynamic_theta(spec_, x.shape(-2) + offset) : spec_.theta);
  }
  return ops::rope(scaled, spec_.dims, spec_.traditional, theta, static_cast<float>(position_scale_), offset, periods_);
}

bool Rope::plan(ops::DecoderPlan& plan, ops::StepRope& to) const {
  if (spec_.dims % 2 != 0 || (spec_.kind == RopeKind::Dynamic && spec_.max_position_embeddings <= 0)) {
    return false;
  }
  if (spec_.dims == 0) {
    return true;
  }
  if (spec_.kind == RopeKind::Dynamic) {
    to = {.dims = spec_.dims,
          .traditional = spec_.traditional,
          .input_scale = static_cast<float>(input_scale_),
          .trained_length = spec_.max_position_embeddings,
          .theta = spec_.theta,
          .factor = spec_.factor};
    return true;
  }
  const mx::array periods = periods_ ? *periods_ : base_periods(spec_);
  const mx::array speeds = mx::divide(scalar(position_scale_), mx::astype(periods, mx::float32));
  mx::array dense = mx::contiguous(speeds);
  dense.eval();
  const auto values =
      std::make_shared<const std::vector<float>>(dense.data<float>(), dense.data<float>() + dense.size());
  to = {.dims = spec_.dims,
        .traditional = spec_.traditional,
        .frequencies = values->data(),
        .input_scale = static_cast<float>(input_scale_)};
  const auto same = [&](const auto& other) { return *other == *values; };
  const auto found = std::ranges::find_if(plan.frequencies, same);
  if (found != plan.frequencies.end()) {
    to.frequencies = (*found)->data();  // layers that rotate alike are known by it
  } else {
    plan.frequencies.push_back(values);
  }
  return true;
}

}  // namespace burin::nn
