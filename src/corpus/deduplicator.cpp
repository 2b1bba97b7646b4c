#include "corpus/deduplicator.h"

#include <algorithm>
#include <numeric>

namespace kohort::corpus {
namespace {

// Marks the duplicates among `count` records of one key: equal values meet by sorting, the earliest first.
void mark_duplicates(const KeyedRecord* records, std::size_t count, std::vector<std::uint32_t>& order, std::vector<bool>& gone) {
    order.resize(count);
    std::iota(order.begin(), order.end(), 0u);
    std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
        const auto& left = records[a];
        const auto& right = records[b];
        if (left.value_hash != right.value_hash) return left.value_hash < right.value_hash;
        const int difference = left.value.compare(right.value);  // a collision must not make duplicates
        return difference != 0 ? difference < 0 : a < b;
    });
    gone.assign(count, false);
    for (std::size_t i = 1; i < count; ++i) {
        const auto& before = records[order[i - 1]];
        const auto& record = records[order[i]];
        if (record.value_hash == before.value_hash && record.value == before.value) gone[order[i]] = true;
    }
}

}  // namespace

std::int64_t remove_duplicates(std::vector<KeyedRecord>& records) {
    std::vector<std::uint32_t> order;
    std::vector<bool> gone;
    std::size_t kept = 0;
    for (std::size_t first = 0, last = 0; first < records.size(); first = last) {
        while (last < records.size() && same_key(records[last], records[first])) ++last;
        mark_duplicates(&records[first], last - first, order, gone);
        for (std::size_t i = first; i < last; ++i)
            if (!gone[i - first]) records[kept++] = records[i];
    }
    const auto removed = static_cast<std::int64_t>(records.size() - kept);
    records.resize(kept);
    return removed;
}

std::int64_t count_keys(const std::vector<KeyedRecord>& records) {
    std::int64_t keys = 0;
    for (std::size_t i = 0; i < records.size(); ++i)
        keys += i == 0 || !same_key(records[i], records[i - 1]);
    return keys;
}

}  // namespace kohort::corpus
