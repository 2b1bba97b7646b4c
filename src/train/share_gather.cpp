#include "train/share_gather.h"

#include <algorithm>

#include "model/torch_compat.h"

namespace kohort::train {

void gather_shares(parallel::Communicator& comm, const FlatTensors& values, const std::vector<parallel::Range>& elements,
                   torch::Device device, std::int64_t most) {
    if (comm.size() == 1) return;
    std::int64_t longest = 0;
    for (const parallel::Range& share : elements) longest = std::max(longest, share.last - share.first);
    const std::int64_t piece = std::clamp<std::int64_t>(most / comm.size(), 1, std::max<std::int64_t>(longest, 1));
    const auto own = static_cast<std::size_t>(comm.rank());
    const auto type = torch::dtype(torch::kFloat).device(device);
    auto sent = torch::empty({piece}, type), received = torch::empty({piece * comm.size()}, type);
    const auto buffer_of = [&](const torch::Tensor& tensor, std::int64_t count) {
        return parallel::Buffer{tensor.data_ptr<float>(), count, parallel::DataType::float32,
                                device.is_cuda() ? parallel::Device::cuda : parallel::Device::host, model::compat::current_stream(device)};
    };
    for (std::int64_t begin = 0; begin < longest; begin += piece) {
        std::vector<std::int64_t> counts;
        std::int64_t total = 0;
        for (const parallel::Range& share : elements) {
            counts.push_back(std::clamp<std::int64_t>(share.last - share.first - begin, 0, piece));
            total += counts.back();
        }
        values.read(elements[own].first + std::min(begin, elements[own].last - elements[own].first), sent.slice(0, 0, counts[own]));
        comm.start_all_gather_v(buffer_of(sent, counts[own]), buffer_of(received, total), counts).wait();
        std::int64_t at = 0;
        for (std::size_t rank = 0; rank < elements.size(); ++rank) {
            if (rank != own && counts[rank] > 0) values.write(elements[rank].first + begin, received.slice(0, at, at + counts[rank]));
            at += counts[rank];
        }
    }
}

}  // namespace kohort::train
