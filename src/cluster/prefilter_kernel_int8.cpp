#include "cluster/prefilter_int8_format.h"

namespace kohort::cluster {

PrefilterKernel prefilter_kernel_int8(std::int64_t clusters) { return kernel_for<Int8Format, VectorProducts>(clusters); }

}  // namespace kohort::cluster
