#include "parallel/communicator.h"

namespace kohort::parallel {

std::size_t size_of(DataType type) {
    switch (type) {
        case DataType::byte: return 1;
        case DataType::int32:
        case DataType::float32: return 4;
        case DataType::int64:
        case DataType::uint64:
        case DataType::float64: return 8;
    }
    return 0;
}

void check_reducible(DataType type, ReduceOperation operation) {
    const bool is_float = type == DataType::float32 || type == DataType::float64;
    if (type == DataType::byte) base::fail(base::ErrorKind::internal, "bytes cannot be reduced");
    if (operation == ReduceOperation::sum && is_float)
        base::fail(base::ErrorKind::internal, "sums are for integers only; see exact_sum.h");
    if (operation == ReduceOperation::inexact_sum && !is_float)
        base::fail(base::ErrorKind::internal, "inexact sums are for floating point only; integers have exact ones");
}

void check_counts(const Buffer& buffer, const std::vector<std::int64_t>& counts, int ranks) {
    std::int64_t total = 0;
    for (const auto count : counts) {
        if (count < 0) base::fail(base::ErrorKind::internal, "a collective was given a count of {}", count);
        total += count;
    }
    if (counts.size() != static_cast<std::size_t>(ranks))
        base::fail(base::ErrorKind::internal, "a collective was given {} counts for {} ranks", counts.size(), ranks);
    check_total(buffer, total);
}

void check_total(const Buffer& buffer, std::int64_t expected) {
    if (buffer.count != expected)
        base::fail(base::ErrorKind::internal, "a collective was given a buffer of {} elements where {} are meant",
                   buffer.count, expected);
}

void check_host(const Buffer& buffer) {
    if (buffer.device != Device::host)
        base::fail(base::ErrorKind::internal, "a device buffer came to a carrier of host memory; it needs NCCL or staging");
}

PeerError::PeerError(int rank, int exit_code)
    : std::runtime_error("rank " + std::to_string(rank) + " failed"), rank_(rank), exit_code_(exit_code) {}

Request& Request::operator=(Request&& other) noexcept {
    std::swap(wait_, other.wait_);
    return *this;
}

Request::~Request() {
    try {
        wait();
    } catch (...) {
        // The error is known to whoever waits next; a destructor has nobody to tell.
    }
}

void Request::wait() {
    if (auto pending = std::exchange(wait_, nullptr)) pending();
}

}  // namespace kohort::parallel
