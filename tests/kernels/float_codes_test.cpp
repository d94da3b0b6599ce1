#include "kernels/float_codes.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "kernels/isa.h"
#include "matrix.h"

namespace burin::kernels {
namespace {

struct Form {
  FloatCode code;
  ScaleType scale;
  int group_size;
};
constexpr Form kForms[] = {{FloatCode::E2M1, ScaleType::E8M0, 32},
                           {FloatCode::E4M3, ScaleType::E8M0, 32},
                           {FloatCode::E2M1, ScaleType::E4M3, 16}};

/** Random codes and moderate scales. */
struct RandomCodes {
  RandomCodes(const Form& form, int64_t rows, int64_t columns) {
    matrix = {.code = form.code, .scale = form.scale, .rows = rows, .columns = columns, .group_size = form.group_size};
    codes.resize(static_cast<size_t>(rows * columns / (form.code == FloatCode::E2M1 ? 2 : 1)));
    scales.resize(static_cast<size_t>(rows * matrix.groups()));
    for (uint8_t& code : codes) {
      code = static_cast<uint8_t>(random());
    }
    for (uint8_t& scale : scales) {
      scale = static_cast<uint8_t>((form.scale == ScaleType::E8M0 ? 120 : 40) + random() % 8);
    }
    matrix.codes = codes.data();
    matrix.scales = scales.data();
  }

  std::vector<float> input(int64_t m) { return normal_values(random, m * matrix.columns); }

  std::vector<float> times(const std::vector<float>& x, int64_t m) const {
    std::vector<float> y(static_cast<size_t>(m * matrix.rows), -1.0F);
    float_code_matmul(matrix, x.data(), m, y.data());
    return y;
  }

  std::vector<float> row(int32_t id) const {
    std::vector<float> out(static_cast<size_t>(matrix.columns));
    dequantize_float_rows(matrix, &id, 1, out.data());
    return out;
  }

  std::mt19937 random{7};
  FloatCodeMatrix matrix;
  std::vector<uint8_t> codes, scales;
};

class FloatCodes : public ::testing::Test {
 protected:
  void TearDown() override { set_isa(supported_isas().back()); }
};

// OCP Microscaling 1.0 tables, with MLX's reading of what is NaN there.
TEST_F(FloatCodes, ValuesAreThoseOfTheFormats) {
  const std::vector<float> e2m1{0, 0.5, 1, 1.5, 2, 3, 4, 6};
  for (uint8_t i = 0; i < 8; ++i) {
    EXPECT_EQ(float_code_value(FloatCode::E2M1, i), e2m1[i]);
    EXPECT_EQ(float_code_value(FloatCode::E2M1, i | 8), -e2m1[i]);
  }
  EXPECT_EQ(float_code_value(FloatCode::E4M3, 0x01), std::ldexp(1.0F, -9));
  EXPECT_EQ(float_code_value(FloatCode::E4M3, 0x38), 1.0F);
  EXPECT_EQ(float_code_value(FloatCode::E4M3, 0xfe), -448.0F);
  EXPECT_EQ(float_code_value(FloatCode::E4M3, 0x7f), 480.0F);
  EXPECT_EQ(float_scale_value(ScaleType::E8M0, 127), 1.0F);
  EXPECT_EQ(float_scale_value(ScaleType::E8M0, 0), std::ldexp(1.0F, -127));
  EXPECT_TRUE(std::isinf(float_scale_value(ScaleType::E8M0, 255)));
}

TEST_F(FloatCodes, EveryInstructionSetGivesTheProductOfTheValues) {
  for (const Form& form : kForms) {
    for (const int64_t rows : {1, 2, 5}) {
      for (const int64_t columns : {32, 96, 288}) {
        RandomCodes w(form, rows, columns);
        for (const int64_t m : {1, 2, 3, 4, 5, 9}) {
          const std::vector<float> x = w.input(m);
          for (const Isa isa : supported_isas()) {
            set_isa(isa);
            const std::vector<float> y = w.times(x, m);
            for (int64_t i = 0; i < m * rows; ++i) {
              const std::vector<float> values = w.row(static_cast<int32_t>(i % rows));
              double sum = 0;
              double magnitude = 0;
              for (int64_t k = 0; k < columns; ++k) {
                const double term = static_cast<double>(values[k]) * x[i / rows * columns + k];
                sum += term;
                magnitude += std::abs(term);
              }
              ASSERT_NEAR(y[i], sum, 1e-6 * magnitude) << name(isa) << " " << rows << "x" << columns << " m=" << m;
            }
          }
        }
      }
    }
  }
}

TEST_F(FloatCodes, ARowDoesNotDependOnTheRowsBesideIt) {
  for (const Form& form : kForms) {
    RandomCodes w(form, 7, 64);
    const std::vector<float> x = w.input(6);
    const std::vector<float> together = w.times(x, 6);
    for (int64_t m = 0; m < 6; ++m) {
      const std::vector<float> alone = w.times({x.begin() + m * 64, x.begin() + (m + 1) * 64}, 1);
      EXPECT_TRUE(std::equal(alone.begin(), alone.end(), together.begin() + m * 7));
    }
  }
}

TEST_F(FloatCodes, RowsBeyondTheTableAreNotNumbers) {
  const RandomCodes w(kForms[0], 3, 32);
  EXPECT_EQ(w.row(-1), w.row(2));
  for (const int32_t id : {3, -4}) {
    EXPECT_TRUE(std::isnan(w.row(id)[31]));
  }
}

}  // namespace
}  // namespace burin::kernels
