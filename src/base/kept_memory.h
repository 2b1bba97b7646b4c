// Memory that is freed and soon asked for again. jemalloc gives what large tensors leave back to the system, at once or after
// a while, and the system fills every page with zeros when it is asked for again: a quarter of the time of encoding in bf16.
#pragma once

#include <cstdint>

namespace kohort::base {

// While any of these lives, jemalloc keeps what is freed, for the time that the first one names; what was free before goes back
// first, and so it does when the last one ends (but for the little that threads' caches hold). Does nothing with another
// allocator. Forever is for work that asks for the same sizes again and again: of others ever more would be kept.
class KeptMemory {
  public:
    static constexpr std::int64_t forever = -1;
    explicit KeptMemory(std::int64_t milliseconds = forever);
    ~KeptMemory();
    KeptMemory(const KeptMemory&) = delete;
    KeptMemory& operator=(const KeptMemory&) = delete;
};

}  // namespace kohort::base
