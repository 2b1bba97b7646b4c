// Sixteen lanes: 24 of the 32 registers hold sums. Compiled with -mavx512f -mavx512dq -mfma and run only where
// AVX-512 F and DQ are there.
#include "cluster/tile_kernel_impl.h"

namespace kohort::cluster {

const TileKernel tile_kernel_avx512 = TileKernelBody<16, 6, 4>::table();

}  // namespace kohort::cluster
