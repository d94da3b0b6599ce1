// An instruction set with the kernels that serve it. isa.cpp lists all of them: a new set or kernel is entered there
// and nowhere else.
#pragma once

#include "kernels/dense_table.h"
#include "kernels/float_codes_table.h"
#include "kernels/fused_table.h"
#include "kernels/isa.h"
#include "kernels/kv_table.h"
#include "kernels/packed_table.h"
#include "kernels/qmatmul_table.h"

namespace burin::kernels {

/** What a set has no code of its own for comes from a plainer one that it contains. */
struct IsaKernels {
  Isa isa;
  bool (*supported)();
  const PackedTable& (*packed)();
  const KvTable& (*kv)();
  const FusedTable& (*fused)();
  const QMatmulTable& (*qmatmul)();
  const FloatCodesTable& (*float_codes)();
  const DenseTable& (*dense)();
};

/** Those of the instruction set in use. */
const IsaKernels& kernels_in_use();

}  // namespace burin::kernels
