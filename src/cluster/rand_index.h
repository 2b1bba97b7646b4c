// How far two divisions of the same rows into groups agree, whatever the groups are called.
#pragma once

#include <cstdint>
#include <span>

namespace kohort::cluster {

// The adjusted Rand index (Hubert and Arabie, "Comparing partitions", 1985) of two labellings [n] of the same rows:
// 1 where they agree but for names, 0 on average for labels dealt at random, negative below that. Counted in integers,
// so the order of the rows does not matter, and divided once. n < 2^31.
double adjusted_rand_index(std::span<const std::int32_t> one, std::span<const std::int32_t> other);

}  // namespace kohort::cluster
