// Eight lanes: 12 of the 16 registers hold sums. Compiled with -mavx2 -mfma and run only where both are there.
#include "cluster/tile_kernel_impl.h"

namespace kohort::cluster {

const TileKernel tile_kernel_avx2 = TileKernelBody<8, 6, 2>::table();

}  // namespace kohort::cluster
