#include "parallel/heartbeat.h"

#include <atomic>

namespace kohort::parallel {
namespace {

std::atomic<std::uint64_t> beats{0};

}  // namespace

void heartbeat() { beats.fetch_add(1, std::memory_order_relaxed); }

std::uint64_t heartbeats() { return beats.load(std::memory_order_relaxed); }

}  // namespace kohort::parallel
