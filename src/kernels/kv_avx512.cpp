#include "kernels/kv_vector.h"

namespace burin::kernels {

const KvTable& kv_avx512() {
  return kKvTable;
}

}  // namespace burin::kernels
