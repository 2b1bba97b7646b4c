#include "cluster/prefilter_bf16_format.h"

namespace kohort::cluster {

PrefilterKernel prefilter_kernel_bf16(std::int64_t clusters) { return kernel_for<Bf16Format, VectorProducts>(clusters); }

}  // namespace kohort::cluster
