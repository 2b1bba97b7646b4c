#include "parallel/partition_queue.h"

namespace kohort::parallel {

PartitionQueue::PartitionQueue(Communicator& comm, std::vector<std::int32_t> partitions)
    : comm_(comm), partitions_(std::move(partitions)), tickets_(comm.make_ticket_counter()) {}

std::optional<std::int32_t> PartitionQueue::claim() {
    comm_.check_peers();
    const auto ticket = static_cast<std::size_t>(tickets_->next());
    if (ticket >= partitions_.size()) return std::nullopt;
    return partitions_[ticket];
}

}  // namespace kohort::parallel
