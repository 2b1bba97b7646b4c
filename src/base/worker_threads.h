// Runs independent pieces of work on a few threads of this rank. Results must not depend on which thread did what.
#pragma once

#include <cstdint>
#include <functional>

namespace kohort::base {

// Calls work(index) for each index in [0, count), claimed in order by `threads` threads (the caller is one of
// them). The first exception stops further claims and is thrown again here once all threads have ended.
void parallel_for(int threads, std::int64_t count, const std::function<void(std::int64_t)>& work);

// Runs `body(worker)` on `threads` workers at once, worker in [0, threads); the same rule for exceptions,
// without a way to stop the other bodies.
void run_workers(int threads, const std::function<void(int)>& body);

}  // namespace kohort::base
