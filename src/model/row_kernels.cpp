#include "model/row_kernels.h"

namespace kohort::model {

const RowKernels* row_kernels() {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")) return &row_kernels_avx512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return &row_kernels_avx2;
#endif
    return nullptr;
}

}  // namespace kohort::model
