#include "model/row_activation_kernel_impl.h"
#include "model/row_attention_kernel_impl.h"
#include "model/row_norm_kernel_impl.h"

namespace kohort::model {

const RowKernels row_kernels_avx2{attend_rows<3>, normalize_rows, activate_values};

}  // namespace kohort::model
