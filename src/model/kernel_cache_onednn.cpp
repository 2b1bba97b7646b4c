#include "model/kernel_cache.h"

#include <dnnl.h>

namespace kohort::model {
namespace {

constexpr int kept = 1 << 14;  // of some 100 KB each

}  // namespace

void keep_compiled_kernels() { dnnl_set_primitive_cache_capacity(kept); }

void drop_compiled_kernels() {
    dnnl_set_primitive_cache_capacity(0);
    keep_compiled_kernels();
}

}  // namespace kohort::model
