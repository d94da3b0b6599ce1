#include "kernels/kv_vector.h"

namespace burin::kernels {

const KvTable& kv_avx2() {
  static constexpr KvTable kTable{dot_keys, add_values};
  return kTable;
}

}  // namespace burin::kernels
