// The parts of a decoder layer that are not matmuls.
#pragma once

#include <optional>

#include "ops/quantized.h"

namespace burin::ops {

/** Which keys a query may see. Causal is aligned bottom-right: query i of L sees keys up to S - L + i. */
struct Mask {
  enum class Kind { None, Causal, Array };
  Kind kind = Kind::None;
  std::optional<mx::array> array;  // bool (true: seen) or additive, broadcast to (B, H, L, S)

  static Mask none() { return {}; }
  static Mask causal() { return {Kind::Causal, std::nullopt}; }
  static Mask of(mx::array values) { return {Kind::Array, std::move(values)}; }
};

/** x * rsqrt(mean(x^2) + eps) * weight over the last axis. */
mx::array rms_norm(const mx::array& x, const std::optional<mx::array>& weight, float eps);

/** Rotates the first `dims` of the last axis. Shapes: x (B, H, L, D) -> the same. `freqs` are periods and replace
 * `base`. */
mx::array rope(const mx::array& x, int dims, bool traditional, std::optional<float> base, float scale, int offset,
               const std::optional<mx::array>& freqs);

/** softmax(scale * q k^T + mask) v. Shapes: q (B, H, L, D), k and v (B, K, S, D), H a multiple of K -> (B, H, L, D). */
mx::array attention(const mx::array& q, const mx::array& k, const mx::array& v, float scale, const Mask& mask);

/** attention() with scores capped to `softcap` * tanh(score / `softcap`) before the mask, as Gemma 2 has it. */
mx::array softcap_attention(const mx::array& q, const mx::array& k, const mx::array& v, float scale, float softcap,
                            const Mask& mask);

/** attention() with keys and values quantized along their last axis (affine); `softcap` 0: none. */
mx::array quantized_attention(const mx::array& q, const QuantizedWeight& k, const QuantizedWeight& v, float scale,
                              float softcap, const Mask& mask);

/** silu(gate) * up. */
mx::array swiglu(const mx::array& gate, const mx::array& up);

/** gelu(gate) * up with the tanh approximation. */
mx::array gelu_tanh_mul(const mx::array& gate, const mx::array& up);

/** x @ weight^T + bias. Shapes: x (.., K), weight (N, K) -> (.., N). On the CPU every product is in float32, also of a
 * weight that is not. */
mx::array linear(const mx::array& x, const mx::array& weight, const std::optional<mx::array>& bias);

/** Rows of a table. Shapes: ids (..) -> (.., K), float32 on the CPU. */
mx::array embedding(const mx::array& ids, const mx::array& table);

}  // namespace burin::ops
