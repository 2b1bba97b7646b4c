// Memory that is freed and soon asked for again. jemalloc gives what large tensors leave back to the system, at once or after
// a while, and the system fills every page with zeros when it is asked for again: a quarter of the time of encoding in bf16.
#pragma once

#include <cstddef>

namespace kohort::base {

// While any of these lives, jemalloc keeps what is freed; what was free before goes back first, and so it does when the last one
// ends (but for the little that threads' caches hold). Does nothing with another allocator.
class KeptMemory {
  public:
    KeptMemory();
    ~KeptMemory();
    KeptMemory(const KeptMemory&) = delete;
    KeptMemory& operator=(const KeptMemory&) = delete;

    // Between two steps of work that asks for ever other sizes, of which ever more would be kept: gives all back once that is
    // `allowance` bytes, or a quarter, more than one step leaves.
    void bound(std::size_t allowance);

  private:
    std::size_t of_one_step_ = 0;  // bytes kept after the first step since all was given back
};

// Bytes that are free and not given back to the system; 0 with another allocator.
std::size_t kept_memory();

}  // namespace kohort::base
