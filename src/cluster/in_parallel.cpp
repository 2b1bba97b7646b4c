#include "cluster/in_parallel.h"

#include <algorithm>

#include "base/worker_threads.h"

namespace kohort::cluster {

void for_each_range(int threads, std::int64_t items, std::int64_t numbers_an_item,
                    const std::function<void(std::int64_t, std::int64_t)>& work) {
    constexpr std::int64_t worthwhile = 1 << 16;
    if (threads == 1 || items * numbers_an_item < worthwhile) {
        work(0, items);
        return;
    }
    const std::int64_t lots = std::min<std::int64_t>(items, 4 * threads);
    base::parallel_for(threads, lots, [&](std::int64_t lot) { work(items * lot / lots, items * (lot + 1) / lots); });
}

void for_each_item(int threads, std::int64_t items, std::int64_t numbers_an_item,
                   const std::function<void(std::int64_t)>& work) {
    for_each_range(threads, items, numbers_an_item, [&](std::int64_t first, std::int64_t last) {
        for (std::int64_t item = first; item < last; ++item) work(item);
    });
}

}  // namespace kohort::cluster
