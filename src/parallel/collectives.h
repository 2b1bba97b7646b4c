// Typed, blocking forms of Communicator's operations, for vectors and single values.
#pragma once

#include <numeric>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "parallel/communicator.h"

namespace kohort::parallel {

template <class T>
constexpr DataType data_type_of() {
    using U = std::remove_cv_t<T>;
    if constexpr (std::is_same_v<U, float>) return DataType::float32;
    else if constexpr (std::is_same_v<U, double>) return DataType::float64;
    else if constexpr (std::is_integral_v<U> && sizeof(U) == 8) return std::is_signed_v<U> ? DataType::int64 : DataType::uint64;
    else if constexpr (std::is_same_v<U, std::int32_t>) return DataType::int32;
    else {
        static_assert(sizeof(U) == 1, "no data type for this element");
        return DataType::byte;
    }
}

template <class T>
Buffer buffer_of(std::span<T> data) {
    return {const_cast<std::remove_cv_t<T>*>(data.data()), static_cast<std::int64_t>(data.size()), data_type_of<T>()};
}

inline void barrier(Communicator& comm) { comm.start_barrier().wait(); }

template <class T>
void all_reduce(Communicator& comm, std::span<T> data, ReduceOperation operation) {
    comm.start_all_reduce(buffer_of(data), operation).wait();
}

template <class T>
T all_reduce(Communicator& comm, T value, ReduceOperation operation) {
    all_reduce(comm, std::span<T>(&value, 1), operation);
    return value;
}

template <class T>
T all_sum(Communicator& comm, T value) {
    return all_reduce(comm, value, ReduceOperation::sum);
}
template <class T>
T all_max(Communicator& comm, T value) {
    return all_reduce(comm, value, ReduceOperation::maximum);
}
template <class T>
T all_min(Communicator& comm, T value) {
    return all_reduce(comm, value, ReduceOperation::minimum);
}

// The sum of `value` over all lower ranks.
template <class T>
T exclusive_sum(Communicator& comm, T value) {
    comm.start_exclusive_scan(buffer_of(std::span<T>(&value, 1))).wait();
    return value;
}

template <class T>
void broadcast(Communicator& comm, std::span<T> data, int root = 0) {
    comm.start_broadcast(buffer_of(data), root).wait();
}

// The root's vector, of whatever size, on every rank. Also for std::string.
template <class Container>
void broadcast_resized(Communicator& comm, Container& data, int root = 0) {
    auto count = static_cast<std::int64_t>(data.size());
    broadcast(comm, std::span(&count, 1), root);
    data.resize(static_cast<std::size_t>(count));
    broadcast(comm, std::span(data.data(), data.size()), root);
}

// Every rank's vector one after another in rank order; `counts`, where given, receives each rank's share.
template <class T>
std::vector<T> all_gather(Communicator& comm, std::span<const T> mine, std::vector<std::int64_t>* counts = nullptr) {
    std::vector<std::int64_t> sizes(static_cast<std::size_t>(comm.size()));
    const auto own = static_cast<std::int64_t>(mine.size());
    comm.start_all_gather_v(buffer_of(std::span(&own, 1)), buffer_of(std::span(sizes)),
                            std::vector<std::int64_t>(sizes.size(), 1)).wait();
    std::vector<T> all(static_cast<std::size_t>(std::accumulate(sizes.begin(), sizes.end(), std::int64_t{0})));
    comm.start_all_gather_v(buffer_of(mine), buffer_of(std::span(all)), sizes).wait();
    if (counts) *counts = std::move(sizes);
    return all;
}

// As all_gather, on the root only; other ranks get an empty vector.
template <class T>
std::vector<T> gather(Communicator& comm, std::span<const T> mine, int root = 0,
                      std::vector<std::int64_t>* counts = nullptr) {
    std::vector<std::int64_t> sizes(static_cast<std::size_t>(comm.size()));
    const auto own = static_cast<std::int64_t>(mine.size());
    comm.start_all_gather_v(buffer_of(std::span(&own, 1)), buffer_of(std::span(sizes)),
                            std::vector<std::int64_t>(sizes.size(), 1)).wait();
    std::vector<T> all;
    if (comm.rank() == root)
        all.resize(static_cast<std::size_t>(std::accumulate(sizes.begin(), sizes.end(), std::int64_t{0})));
    comm.start_gather_v(buffer_of(mine), buffer_of(std::span(all)), sizes, root).wait();
    if (counts) *counts = std::move(sizes);
    return all;
}

// outgoing[r] goes to rank r; the result's element r came from rank r. outgoing.size() == comm.size().
template <class T>
std::vector<std::vector<T>> all_to_all(Communicator& comm, const std::vector<std::vector<T>>& outgoing) {
    const auto ranks = static_cast<std::size_t>(comm.size());
    std::vector<std::int64_t> send_counts(ranks), receive_counts(ranks), ones(ranks, 1);
    std::vector<T> packed;
    for (std::size_t r = 0; r < ranks; ++r) {
        send_counts[r] = static_cast<std::int64_t>(outgoing[r].size());
        packed.insert(packed.end(), outgoing[r].begin(), outgoing[r].end());
    }
    comm.start_all_to_all_v(buffer_of(std::span(send_counts)), ones, buffer_of(std::span(receive_counts)), ones).wait();
    std::vector<T> received(
        static_cast<std::size_t>(std::accumulate(receive_counts.begin(), receive_counts.end(), std::int64_t{0})));
    comm.start_all_to_all_v(buffer_of(std::span(packed)), send_counts, buffer_of(std::span(received)), receive_counts).wait();
    std::vector<std::vector<T>> incoming(ranks);
    auto at = received.begin();
    for (std::size_t r = 0; r < ranks; ++r) {
        incoming[r].assign(at, at + receive_counts[r]);
        at += receive_counts[r];
    }
    return incoming;
}

}  // namespace kohort::parallel
