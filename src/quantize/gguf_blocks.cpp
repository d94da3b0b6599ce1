#include "quantize/gguf_blocks.h"

#include <algorithm>
#include <cstring>

namespace burin::quantize {
namespace {

using ops::QuantizationMode;

float half_at(const uint8_t* at) {
  _Float16 value;
  std::memcpy(&value, at, sizeof value);
  return static_cast<float>(value);
}

uint32_t word_at(const uint8_t* at) {
  uint32_t value = 0;
  std::memcpy(&value, at, sizeof value);
  return value;
}

/** Low nibbles of `count` bytes first, then the high ones. */
void split_nibbles(const uint8_t* in, int count, uint8_t* codes) {
  for (int i = 0; i < count; ++i) {
    codes[i] = in[i] & 0x0F;
    codes[i + count] = in[i] >> 4;
  }
}

/** Pairs of bits: each 32 bytes hold four runs of 32 values, the lowest bits first; shifted left by `shift` into codes.
 */
void add_bit_pairs(const uint8_t* in, int bytes, int shift, BlockValues& out) {
  for (int i = 0; i < bytes * 4; ++i) {
    const int run = i / 32;
    const uint8_t byte = in[run / 4 * 32 + i % 32];
    out.codes[i] |= static_cast<uint8_t>(((byte >> (2 * (run % 4))) & 3) << shift);
  }
}

/** One bit for each of 256 values: bit b of 32 bytes holds run b of 32 values. */
void add_bits(const uint8_t* in, int shift, BlockValues& out) {
  for (int i = 0; i < 256; ++i) {
    out.codes[i] |= static_cast<uint8_t>(((in[i % 32] >> (i / 32)) & 1) << shift);
  }
}

/** Bit i of a word belongs to value i of 32. */
void add_fifth_bits(const uint8_t* in, BlockValues& out) {
  const uint32_t high = word_at(in);
  for (int i = 0; i < 32; ++i) {
    out.codes[i] |= static_cast<uint8_t>(((high >> i) & 1U) << 4);
  }
}

void set_factors(BlockValues& out, float scale, float bias) {
  out.scales[0] = scale;
  out.biases[0] = bias;
}

void unpack_q4_0(const uint8_t* b, BlockValues& out) {
  const float d = half_at(b);
  set_factors(out, d, -8.0F * d);
  split_nibbles(b + 2, 16, out.codes.data());
}

void unpack_q4_1(const uint8_t* b, BlockValues& out) {
  set_factors(out, half_at(b), half_at(b + 2));
  split_nibbles(b + 4, 16, out.codes.data());
}

void unpack_q5_0(const uint8_t* b, BlockValues& out) {
  const float d = half_at(b);
  set_factors(out, d, -16.0F * d);
  split_nibbles(b + 6, 16, out.codes.data());
  add_fifth_bits(b + 2, out);
}

void unpack_q5_1(const uint8_t* b, BlockValues& out) {
  set_factors(out, half_at(b), half_at(b + 2));
  split_nibbles(b + 8, 16, out.codes.data());
  add_fifth_bits(b + 4, out);
}

void unpack_q8_0(const uint8_t* b, BlockValues& out) {
  const float d = half_at(b);
  set_factors(out, d, -128.0F * d);
  for (int i = 0; i < 32; ++i) {
    out.codes[i] = b[2 + i] ^ 0x80;  // q + 128
  }
}

void unpack_q2_k(const uint8_t* b, BlockValues& out) {
  const float d = half_at(b + 80);
  const float dmin = half_at(b + 82);
  for (int g = 0; g < 16; ++g) {
    out.scales[g] = d * static_cast<float>(b[g] & 0x0F);
    out.biases[g] = -dmin * static_cast<float>(b[g] >> 4);
  }
  out.codes.fill(0);
  add_bit_pairs(b + 16, 64, 0, out);
}

void unpack_q3_k(const uint8_t* b, BlockValues& out) {
  const uint8_t* packed = b + 96;
  const float d = half_at(b + 108);
  for (int g = 0; g < 16; ++g) {
    const int low = g < 8 ? packed[g] & 0x0F : packed[g - 8] >> 4;
    const int high = (packed[8 + g % 4] >> (2 * (g / 4))) & 3;
    out.scales[g] = d * static_cast<float>((low | (high << 4)) - 32);
    out.biases[g] = -4.0F * out.scales[g];
  }
  out.codes.fill(0);
  add_bit_pairs(b + 32, 64, 0, out);
  add_bits(b, 2, out);  // a set bit means: nothing is taken off
}

/** Eight scales and minima of 6 bits each in 12 bytes. */
void set_k_factors(const uint8_t* b, BlockValues& out) {
  const float d = half_at(b);
  const float dmin = half_at(b + 2);
  const uint8_t* packed = b + 4;
  for (int g = 0; g < 8; ++g) {
    const int scale = g < 4 ? packed[g] & 63 : (packed[g + 4] & 0x0F) | ((packed[g - 4] >> 2) & 0x30);
    const int minimum = g < 4 ? packed[g + 4] & 63 : (packed[g + 4] >> 4) | ((packed[g] >> 2) & 0x30);
    out.scales[g] = d * static_cast<float>(scale);
    out.biases[g] = -dmin * static_cast<float>(minimum);
  }
}

void unpack_q4_k(const uint8_t* b, BlockValues& out) {
  set_k_factors(b, out);
  for (int chunk = 0; chunk < 4; ++chunk) {
    split_nibbles(b + 16 + chunk * 32, 32, out.codes.data() + chunk * 64);
  }
}

void unpack_q5_k(const uint8_t* b, BlockValues& out) {
  set_k_factors(b, out);
  for (int chunk = 0; chunk < 4; ++chunk) {
    split_nibbles(b + 48 + chunk * 32, 32, out.codes.data() + chunk * 64);
  }
  add_bits(b + 16, 4, out);
}

void unpack_q6_k(const uint8_t* b, BlockValues& out) {
  const float d = half_at(b + 208);
  for (int g = 0; g < 16; ++g) {
    out.scales[g] = d * static_cast<float>(static_cast<int8_t>(b[192 + g]));
    out.biases[g] = -32.0F * out.scales[g];
  }
  split_nibbles(b, 64, out.codes.data());
  split_nibbles(b + 64, 64, out.codes.data() + 128);
  add_bit_pairs(b + 128, 64, 4, out);
}

/** Nibbles that stand for entries of a table become these entries plus 128. */
void look_up_nibbles(const uint8_t* in, uint8_t* codes) {
  static constexpr std::array<uint8_t, 16> kTable{1,   24,  45,  63,  79,  93,  106, 118,
                                                  129, 141, 153, 166, 181, 197, 217, 241};
  split_nibbles(in, 16, codes);
  std::transform(codes, codes + 32, codes, [](uint8_t nibble) { return kTable[nibble]; });
}

void unpack_iq4_nl(const uint8_t* b, BlockValues& out) {
  const float d = half_at(b);
  set_factors(out, d, -128.0F * d);
  look_up_nibbles(b + 2, out.codes.data());
}

void unpack_iq4_xs(const uint8_t* b, BlockValues& out) {
  const float d = half_at(b);
  const int high = b[2] | (b[3] << 8);
  for (int g = 0; g < 8; ++g) {
    const int low = (b[4 + g / 2] >> (4 * (g % 2))) & 0x0F;
    out.scales[g] = d * static_cast<float>((low | (((high >> (2 * g)) & 3) << 4)) - 32);
    out.biases[g] = -128.0F * out.scales[g];
    look_up_nibbles(b + 8 + g * 16, out.codes.data() + g * 32);
  }
}

void unpack_mxfp4(const uint8_t* b, BlockValues& out) {
  out.scale_codes[0] = b[0];
  split_nibbles(b + 1, 16, out.codes.data());
}

void unpack_nvfp4(const uint8_t* b, BlockValues& out) {
  for (int g = 0; g < 4; ++g) {
    out.scale_codes[g] = b[g];
    split_nibbles(b + 4 + g * 8, 8, out.codes.data() + g * 16);
  }
}

constexpr auto kAffine = QuantizationMode::Affine;
constexpr std::array<BlockFormat, 14> kFormats{{
    {"IQ4_NL", 32, 18, 8, 32, kAffine, unpack_iq4_nl},  // 16 of the 256 values that 8 bits have
    {"IQ4_XS", 256, 136, 8, 32, kAffine, unpack_iq4_xs},
    {"MXFP4", 32, 17, 4, 32, QuantizationMode::Mxfp4, unpack_mxfp4},
    {"NVFP4", 64, 36, 4, 16, QuantizationMode::Nvfp4, unpack_nvfp4},
    {"Q2_K", 256, 84, 2, 16, kAffine, unpack_q2_k},
    {"Q3_K", 256, 110, 3, 16, kAffine, unpack_q3_k},
    {"Q4_0", 32, 18, 4, 32, kAffine, unpack_q4_0},
    {"Q4_1", 32, 20, 4, 32, kAffine, unpack_q4_1},
    {"Q4_K", 256, 144, 4, 32, kAffine, unpack_q4_k},
    {"Q5_0", 32, 22, 5, 32, kAffine, unpack_q5_0},
    {"Q5_1", 32, 24, 5, 32, kAffine, unpack_q5_1},
    {"Q5_K", 256, 176, 5, 32, kAffine, unpack_q5_k},
    {"Q6_K", 256, 210, 6, 16, kAffine, unpack_q6_k},
    {"Q8_0", 32, 34, 8, 32, kAffine, unpack_q8_0},
}};

}  // namespace

const BlockFormat* find_block_format(std::string_view name) {
  const auto it = std::ranges::find(kFormats, name, &BlockFormat::name);
  return it == kFormats.end() ? nullptr : &*it;
}

void dequantize_block(const BlockFormat& format, const uint8_t* block, float* out) {
  BlockValues values;
  format.unpack(block, values);
  for (int i = 0; i < format.values; ++i) {
    const int g = i / format.group;
    out[i] = values.scales[g] * static_cast<float>(values.codes[i]) + values.biases[g];
  }
}

void pack_codes(std::span<const uint8_t> codes, int bits, std::byte* out) {
  uint32_t pending = 0;
  int filled = 0;
  for (const uint8_t code : codes) {
    pending |= static_cast<uint32_t>(code) << filled;
    for (filled += bits; filled >= 8; filled -= 8) {
      *out++ = static_cast<std::byte>(pending & 0xFFU);
      pending >>= 8;
    }
  }
}

}  // namespace burin::quantize
