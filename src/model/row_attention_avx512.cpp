#include "model/row_attention_kernel_impl.h"

namespace kohort::model {

void attend_rows_avx512(const AttentionRows& rows) { attend_rows<8>(rows); }

}  // namespace kohort::model
