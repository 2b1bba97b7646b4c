#include "base/worker_threads.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace kohort::base {

void run_workers(int threads, const std::function<void(int)>& body) {
    std::exception_ptr first;
    std::mutex mutex;
    const auto guarded = [&](int worker) {
        try {
            body(worker);
        } catch (...) {
            std::lock_guard lock(mutex);
            if (!first) first = std::current_exception();
        }
    };
    {
        std::vector<std::jthread> others;
        for (int worker = 1; worker < threads; ++worker) others.emplace_back(guarded, worker);
        guarded(0);
    }
    if (first) std::rethrow_exception(first);
}

void parallel_for(int threads, std::int64_t count, const std::function<void(std::int64_t)>& work) {
    std::atomic<std::int64_t> next{0};
    std::atomic<bool> stopped{false};
    const auto most = static_cast<int>(std::min<std::int64_t>(std::max(threads, 1), std::max<std::int64_t>(count, 1)));
    run_workers(most, [&](int) {
        try {
            for (std::int64_t index; !stopped.load() && (index = next.fetch_add(1)) < count;) work(index);
        } catch (...) {
            stopped.store(true);
            throw;
        }
    });
}

}  // namespace kohort::base
