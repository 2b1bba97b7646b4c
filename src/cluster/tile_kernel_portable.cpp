// Four lanes: what every 64-bit machine has (SSE2, NEON). Compiled without special flags.
#include "cluster/tile_kernel_impl.h"

namespace kohort::cluster {

const TileKernel tile_kernel_portable = TileKernelBody<4, 6, 2>::table();

}  // namespace kohort::cluster
