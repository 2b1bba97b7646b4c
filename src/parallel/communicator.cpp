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
