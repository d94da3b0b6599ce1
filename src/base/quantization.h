// The quantized forms of weights that burin reads: what the loader accepts and what `show --supported` lists.
#pragma once

#include <algorithm>
#include <array>
#include <span>
#include <string_view>

namespace burin {

/** One mode of config.json's `quantization`, with the shapes it may have. */
struct QuantizationForm {
  std::string_view mode;
  std::span<const int> bits;
  std::span<const int> group_sizes;
};

namespace forms {
inline constexpr std::array kAffineBits{2, 3, 4, 5, 6, 8};
inline constexpr std::array kAffineGroups{32, 64, 128};
inline constexpr std::array k4{4};
inline constexpr std::array k8{8};
inline constexpr std::array k16{16};
inline constexpr std::array k32{32};
}  // namespace forms

inline constexpr std::array kQuantizationForms{
    QuantizationForm{"affine", forms::kAffineBits, forms::kAffineGroups},
    QuantizationForm{"mxfp4", forms::k4, forms::k32},
    QuantizationForm{"mxfp8", forms::k8, forms::k32},
    QuantizationForm{"nvfp4", forms::k4, forms::k16},
};

/** Whether weights of this form can be read. */
constexpr bool is_supported_quantization(std::string_view mode, int bits, int group_size) {
  const auto has = [](std::span<const int> list, int value) { return std::ranges::find(list, value) != list.end(); };
  return std::ranges::any_of(kQuantizationForms, [&](const QuantizationForm& form) {
    return form.mode == mode && has(form.bits, bits) && has(form.group_sizes, group_size);
  });
}

}  // namespace burin
