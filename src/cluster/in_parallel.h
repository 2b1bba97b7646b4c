// Work on centroids and their numbers, by the threads of a rank.
#pragma once

#include <cstdint>
#include <functional>

namespace kohort::cluster {

// Calls work(first, last) for ranges that make up [0, items), each by one thread; by the calling one alone where all the
// numbers together are so few that another thread would only begin when all is done.
void for_each_range(int threads, std::int64_t items, std::int64_t numbers_an_item,
                    const std::function<void(std::int64_t first, std::int64_t last)>& work);

// The same an item at a time.
void for_each_item(int threads, std::int64_t items, std::int64_t numbers_an_item,
                   const std::function<void(std::int64_t)>& work);

}  // namespace kohort::cluster
