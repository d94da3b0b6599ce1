#include "kernels/kv_vector.h"

namespace burin::kernels {

const KvTable& kv_neon() {
  return kKvTable;
}

}  // namespace burin::kernels
