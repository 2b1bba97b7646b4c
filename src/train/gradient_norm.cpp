#include "train/gradient_norm.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/worker_threads.h"
#include "parallel/collectives.h"

namespace kohort::train {
namespace {

// [chunks of the share] sums of squares.
std::vector<double> squares_of(const std::vector<torch::Tensor>& gradients, const ParameterChunks& chunks,
                               const parallel::Range& share, int threads) {
    const auto part = [&](std::int64_t chunk) {
        const auto& [tensor, begin, end] = chunks[share.first + chunk];
        return gradients[tensor].view({-1}).slice(0, begin, end);
    };
    std::vector<double> squares(static_cast<std::size_t>(share.last - share.first), 0);
    if (squares.empty()) return squares;
    if (part(0).is_cpu()) {
        base::parallel_for(threads, std::ssize(squares), [&](std::int64_t chunk) {
            const torch::Tensor values = part(chunk);
            squares[static_cast<std::size_t>(chunk)] = sum_of_squares(values.data_ptr<float>(), values.numel());
        });
        return squares;
    }
    std::vector<torch::Tensor> sums;
    for (std::int64_t chunk = 0; chunk < std::ssize(squares); ++chunk) sums.push_back(part(chunk).to(torch::kDouble).square_().sum());
    const auto host = torch::stack(sums).cpu();  // one wait for all of them
    std::copy_n(host.data_ptr<double>(), squares.size(), squares.begin());
    return squares;
}

}  // namespace

double sum_of_squares(const float* values, std::int64_t count) {
    std::array<double, 8> lanes{};  // eight sums side by side, which a compiler may keep in vector registers
    std::int64_t i = 0;
    for (; i + 8 <= count; i += 8)
        for (std::size_t lane = 0; lane < 8; ++lane) {
            const double value = values[i + static_cast<std::int64_t>(lane)];
            lanes[lane] += value * value;
        }
    double sum = ((lanes[0] + lanes[4]) + (lanes[1] + lanes[5])) + ((lanes[2] + lanes[6]) + (lanes[3] + lanes[7]));
    for (; i < count; ++i) sum += static_cast<double>(values[i]) * values[i];
    return sum;
}

double global_norm(parallel::Communicator& comm, const std::vector<torch::Tensor>& gradients, const ParameterChunks& chunks,
                   const std::vector<parallel::Range>& shares, int threads) {
    const torch::NoGradGuard no_grad;
    const auto& own = shares[static_cast<std::size_t>(comm.rank())];
    const std::vector<double> mine = squares_of(gradients, chunks, own, threads);
    std::vector<std::int64_t> counts;
    for (const parallel::Range& share : shares) counts.push_back(share.last - share.first);
    std::vector<double> all(static_cast<std::size_t>(chunks.all().last));
    comm.start_all_gather_v(parallel::buffer_of(std::span(mine)), parallel::buffer_of(std::span(all)), counts).wait();
    double squares = 0;
    for (const double chunk : all) squares += chunk;
    return std::sqrt(squares);
}

double clip_factor(double norm, double clip) {
    if (clip <= 0) return 1;
    return std::min(1.0, clip / (norm + 1e-6));  // as torch's clip_grad_norm_
}

}  // namespace kohort::train
