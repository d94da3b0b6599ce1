#include "kernels/packed_vnni256.h"

namespace burin::kernels {

const PackedTable& packed_avx_vnni_evex() {
  return kVnni256Table;
}

}  // namespace burin::kernels
