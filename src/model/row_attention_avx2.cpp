#include "model/row_attention_kernel_impl.h"

namespace kohort::model {

void attend_rows_avx2(const AttentionRows& rows) { attend_rows<3>(rows); }

}  // namespace kohort::model
