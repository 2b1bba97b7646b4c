#include "base/large_array.h"

#include <sys/mman.h>

#include <new>

namespace kohort::base {

LargeArray::LargeArray(std::size_t count) : count_(count) {
    constexpr std::size_t page = std::size_t{2} << 20;
    if (count == 0) return;
    const std::size_t bytes = count * sizeof(float), whole = (bytes + page - 1) / page * page;
    values_.reset(static_cast<float*>(bytes < page ? std::malloc(bytes) : std::aligned_alloc(page, whole)));
    if (!values_) throw std::bad_alloc();
    if (bytes >= page) madvise(values_.get(), whole, MADV_HUGEPAGE);  // a wish: where it is not granted nothing is lost
}

}  // namespace kohort::base
