// Floats in the largest pages that the system gives: an array that is read again and again then misses the page tables'
// cache far less. The values are not set at first, so that no page is touched twice.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <span>

namespace kohort::base {

class LargeArray {
  public:
    LargeArray() = default;
    // std::bad_alloc where there is no memory.
    explicit LargeArray(std::size_t count);

    std::span<float> values() const { return {values_.get(), count_}; }

  private:
    struct Free {
        void operator()(float* values) const { std::free(values); }
    };
    std::unique_ptr<float[], Free> values_;
    std::size_t count_ = 0;
};

}  // namespace kohort::base
