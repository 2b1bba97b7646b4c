// What every Communicator must do, whatever carries it. The same checks run over thread ranks and under mpirun.
// The oracle: every rank can compute what every other rank contributes, and does the collective by itself.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "parallel/collectives.h"
#include "parallel/partition_queue.h"

namespace kohort::parallel {

// What rank r holds at position i.
template <class T>
T element(std::int64_t r, std::int64_t i) {
    const auto mixed = static_cast<std::uint64_t>(r * 7919 + i + 1) * 0x9E3779B97F4A7C15ULL;
    if constexpr (std::is_floating_point_v<T>) return static_cast<T>(static_cast<std::int64_t>(mixed >> 44) - 500000) / T{8};
    else return static_cast<T>(mixed >> 7);
}

template <class T>
std::vector<T> elements(std::int64_t r, std::int64_t count) {
    std::vector<T> all(static_cast<std::size_t>(count));
    for (std::int64_t i = 0; i < count; ++i) all[static_cast<std::size_t>(i)] = element<T>(r, i);
    return all;
}

template <class T>
T wrapping_sum(T a, T b) {
    if constexpr (std::is_integral_v<T>) return static_cast<T>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
    else return a + b;
}

template <class T>
std::vector<T> reduced(int ranks, std::int64_t count, ReduceOperation operation) {
    auto all = elements<T>(0, count);
    for (int r = 1; r < ranks; ++r) {
        for (std::int64_t i = 0; i < count; ++i) {
            auto& into = all[static_cast<std::size_t>(i)];
            const T other = element<T>(r, i);
            if (operation == ReduceOperation::minimum) into = std::min(into, other);
            else if (operation == ReduceOperation::maximum) into = std::max(into, other);
            else into = wrapping_sum(into, other);
        }
    }
    return all;
}

template <class T>
void check_reductions(Communicator& comm, std::int64_t count) {
    constexpr auto sum = std::is_integral_v<T> ? ReduceOperation::sum : ReduceOperation::inexact_sum;
    for (const auto operation : {ReduceOperation::minimum, ReduceOperation::maximum, sum}) {
        auto mine = elements<T>(comm.rank(), count);
        all_reduce(comm, std::span<T>(mine), operation);
        EXPECT_EQ(mine, reduced<T>(comm.size(), count, operation));  // the floats are eighths: their sums are exact

        const auto whole = elements<T>(comm.rank(), count * comm.size());
        std::vector<T> part(static_cast<std::size_t>(count));
        comm.start_reduce_scatter(buffer_of(std::span(whole)), buffer_of(std::span(part)), operation).wait();
        const auto expected = reduced<T>(comm.size(), count * comm.size(), operation);
        EXPECT_TRUE(std::equal(part.begin(), part.end(), expected.begin() + count * comm.rank()));
    }
}

template <class T>
void check_scan(Communicator& comm, std::int64_t count) {
    auto mine = elements<T>(comm.rank(), count);
    comm.start_exclusive_scan(buffer_of(std::span(mine))).wait();
    const auto expected = comm.rank() == 0 ? std::vector<T>(static_cast<std::size_t>(count))
                                           : reduced<T>(comm.rank(), count, ReduceOperation::sum);
    EXPECT_EQ(mine, expected);
}

// Contributions of unequal length; some ranks have none when `count` is small.
inline std::int64_t share(std::int64_t r, std::int64_t count) { return (r % 3) * count; }

template <class T>
void check_gathers(Communicator& comm, std::int64_t count) {
    std::vector<T> expected;
    std::vector<std::int64_t> expected_counts;
    for (int r = 0; r < comm.size(); ++r) {
        const auto part = elements<T>(r, share(r, count));
        expected.insert(expected.end(), part.begin(), part.end());
        expected_counts.push_back(share(r, count));
    }
    const auto mine = elements<T>(comm.rank(), share(comm.rank(), count));
    std::vector<std::int64_t> counts;
    EXPECT_EQ(all_gather(comm, std::span<const T>(mine), &counts), expected);
    EXPECT_EQ(counts, expected_counts);
    for (int root = 0; root < comm.size(); ++root)
        EXPECT_EQ(gather(comm, std::span<const T>(mine), root), comm.rank() == root ? expected : std::vector<T>());
}

template <class T>
void check_all_to_all(Communicator& comm, std::int64_t count) {
    const auto length = [&](std::int64_t from, std::int64_t to) { return share(from + 2 * to, count); };
    std::vector<std::vector<T>> outgoing, expected;
    for (int peer = 0; peer < comm.size(); ++peer) {
        outgoing.push_back(elements<T>(1000 * comm.rank() + peer, length(comm.rank(), peer)));
        expected.push_back(elements<T>(1000 * peer + comm.rank(), length(peer, comm.rank())));
    }
    EXPECT_EQ(all_to_all(comm, outgoing), expected);
}

template <class T>
void check_broadcast(Communicator& comm, std::int64_t count) {
    for (int root = 0; root < comm.size(); ++root) {
        auto data = comm.rank() == root ? elements<T>(root, count) : std::vector<T>();
        broadcast_resized(comm, data, root);
        EXPECT_EQ(data, elements<T>(root, count));
    }
}

template <class T>
void check_all_operations(Communicator& comm, std::int64_t count) {
    check_broadcast<T>(comm, count);
    check_gathers<T>(comm, count);
    check_all_to_all<T>(comm, count);
    if constexpr (sizeof(T) > 1) check_reductions<T>(comm, count);
    if constexpr (sizeof(T) > 1 && std::is_integral_v<T>) check_scan<T>(comm, count);
}

inline void check_every_collective(Communicator& comm, std::int64_t count) {
    check_all_operations<char>(comm, count);
    check_all_operations<std::int32_t>(comm, count);
    check_all_operations<std::int64_t>(comm, count);
    check_all_operations<std::uint64_t>(comm, count);
    check_all_operations<float>(comm, count);
    check_all_operations<double>(comm, count);
}

// Several operations in flight at once, waited for in another order than started, one not waited for at all.
inline void check_operations_in_flight(Communicator& comm) {
    constexpr std::int64_t count = 1000;
    std::vector<std::vector<std::int64_t>> sums;
    for (int i = 0; i < 6; ++i) sums.push_back(elements<std::int64_t>(comm.rank(), count + i));
    auto broadcasted = elements<float>(comm.rank(), count);
    {
        std::vector<Request> requests;
        for (auto& sum : sums) requests.push_back(comm.start_all_reduce(buffer_of(std::span(sum)), ReduceOperation::sum));
        const auto forgotten = comm.start_broadcast(buffer_of(std::span(broadcasted)), comm.size() - 1);
        for (auto request = requests.rbegin(); request != requests.rend(); ++request) request->wait();
        requests.front().wait();  // a second wait does nothing
    }
    for (int i = 0; i < 6; ++i)
        EXPECT_EQ(sums[static_cast<std::size_t>(i)], reduced<std::int64_t>(comm.size(), count + i, ReduceOperation::sum));
    EXPECT_EQ(broadcasted, elements<float>(comm.size() - 1, count));
}

// Whatever the ranks claim, each partition is claimed once, and two queues alive at once do not mix.
// Two threads of each rank, one on the communicator and one on its sibling: what they start meets in no fixed order.
inline void check_siblings(Communicator& comm) {
    const auto sibling = comm.make_sibling(), other = sibling->make_sibling();
    EXPECT_EQ(sibling->rank(), comm.rank());
    EXPECT_EQ(sibling->size(), comm.size());
    auto here = elements<std::int64_t>(comm.rank(), 300);
    auto there = elements<std::int32_t>(comm.rank(), 200);
    {
        std::vector<Request> requests;
        for (const bool first : {true, false})
            requests.push_back(first == (comm.rank() % 2 == 0) ? comm.start_all_reduce(buffer_of(std::span(here)), ReduceOperation::sum)
                                                               : sibling->start_all_reduce(buffer_of(std::span(there)), ReduceOperation::sum));
        for (Request& request : requests) request.wait();
    }
    EXPECT_EQ(here, reduced<std::int64_t>(comm.size(), 300, ReduceOperation::sum));
    EXPECT_EQ(there, reduced<std::int32_t>(comm.size(), 200, ReduceOperation::sum));

    std::int64_t beside = 0;
    std::thread thread([&] {
        for (std::int64_t i = 0; i < 50; ++i) beside += all_sum(*sibling, i) + all_max(*other, i);
    });
    std::int64_t sum = 0;
    for (std::int64_t i = 0; i < 50; ++i) sum += all_sum(comm, 3 * i);
    thread.join();
    EXPECT_EQ(beside, (comm.size() + 1) * 1225);
    EXPECT_EQ(sum, comm.size() * 3 * 1225);
}

inline void check_queues(Communicator& comm) {
    std::vector<std::int32_t> partitions(200), others(50);
    std::iota(partitions.begin(), partitions.end(), 1000);
    std::iota(others.begin(), others.end(), 5000);
    std::vector<std::int32_t> claimed, claimed_others;
    {
        PartitionQueue queue(comm, partitions), other(comm, others);
        for (bool more = true; more;) {
            const auto partition = queue.claim(), another = other.claim();
            if (partition) claimed.push_back(*partition);
            if (another) claimed_others.push_back(*another);
            more = partition || another;
        }
        EXPECT_TRUE(std::is_sorted(claimed.begin(), claimed.end()));
    }
    auto all = all_gather(comm, std::span<const std::int32_t>(claimed));
    std::sort(all.begin(), all.end());
    EXPECT_EQ(all, partitions);
    auto all_others = all_gather(comm, std::span<const std::int32_t>(claimed_others));
    std::sort(all_others.begin(), all_others.end());
    EXPECT_EQ(all_others, others);
}

// Several threads of every rank claim from one counter.
inline void check_threads_that_claim(Communicator& comm) {
    constexpr int threads = 3, each = 40;
    std::vector<std::vector<std::int64_t>> tickets(threads);
    {
        const auto counter = comm.make_ticket_counter();
        std::vector<std::thread> claimers;
        for (auto& mine : tickets)
            claimers.emplace_back([&] {
                for (int i = 0; i < each; ++i) mine.push_back(counter->next());
            });
        for (auto& claimer : claimers) claimer.join();
    }
    std::vector<std::int64_t> mine;
    for (const auto& some : tickets) mine.insert(mine.end(), some.begin(), some.end());
    auto all = all_gather(comm, std::span<const std::int64_t>(mine));
    std::sort(all.begin(), all.end());
    std::vector<std::int64_t> expected(static_cast<std::size_t>(comm.size() * threads * each));
    std::iota(expected.begin(), expected.end(), 0);
    EXPECT_EQ(all, expected);
}

// Faults of the caller are found before anything is sent, on every rank alike.
inline void check_refusals(Communicator& comm) {
    double real = 1;
    std::int64_t whole = 1;
    char byte = 'x';
    std::vector<std::int64_t> counts(static_cast<std::size_t>(comm.size()), 1);
    EXPECT_THROW(all_sum(comm, real), base::Error);
    EXPECT_THROW(all_reduce(comm, whole, ReduceOperation::inexact_sum), base::Error);
    EXPECT_THROW(all_reduce(comm, byte, ReduceOperation::maximum), base::Error);
    EXPECT_THROW(exclusive_sum(comm, real), base::Error);
    std::vector<std::int64_t> room(counts.size() + 1);
    EXPECT_THROW(comm.start_all_gather_v(buffer_of(std::span(&whole, 1)), buffer_of(std::span(room)), counts), base::Error);
    counts.push_back(1);
    EXPECT_THROW(comm.start_all_gather_v(buffer_of(std::span(&whole, 1)), buffer_of(std::span(room)), counts), base::Error);
    counts = {-1};
    counts.resize(static_cast<std::size_t>(comm.size()));
    EXPECT_THROW(comm.start_all_to_all_v(buffer_of(std::span(room)), counts, buffer_of(std::span(room)), counts), base::Error);
    EXPECT_EQ(all_sum(comm, std::int64_t{1}), comm.size());  // and the communicator is still good
}

}  // namespace kohort::parallel
