// The AVX2 members of QMatmulTable, in two files: exact and fast.
#pragma once

#include "kernels/qmatmul_table.h"

namespace burin::kernels::avx2 {

void prepare_exact(const QuantizedMatrix& w, const float* x, float* planes, float* sums);
void prepare_fast(const QuantizedMatrix& w, const float* x, int8_t* codes, float* scales, float* sums, float* lanes);
void exact_rows(const QuantizedMatrix& w, const ExactInput& x, int64_t begin, int64_t end, float* scratch, float* y);
void fast_rows(const QuantizedMatrix& w, const FastInput& x, int64_t begin, int64_t end, float* scratch, float* y);
void dequantize_row(const QuantizedMatrix& w, int64_t row, float* out);
void panel(const float* x, int64_t ldx, int64_t m, const float* panel, int64_t k, float* y, int64_t ldy,
           bool accumulate);

}  // namespace burin::kernels::avx2
