#include "train/utilization.h"

#include <algorithm>
#include <chrono>

#include "base/worker_threads.h"
#include "model/training_linear.h"

namespace kohort::train {

double encoder_flops(std::span<const model::Parameter> encoder, const model::EncoderSizes& sizes, std::span<const std::int32_t> lengths,
                     bool frozen) {
    double weights = 0, tokens = 0, squares = 0;
    for (const auto& [name, value] : encoder) {
        const bool looked_up = name.find("embeddings") != std::string::npos || name == "wte.weight" || name == "wpe.weight" ||
                               name == "shared.weight" || name.find("relative_attention_bias") != std::string::npos;
        if (value.dim() == 2 && !looked_up) weights += static_cast<double>(value.numel());
    }
    for (const std::int32_t length : lengths) {
        tokens += length;
        squares += static_cast<double>(length) * length;
    }
    return (frozen ? 4 : 6) * weights * tokens + 12 * static_cast<double>(sizes.layers * sizes.hidden) * squares;
}

double product_ceiling(torch::Device device, torch::ScalarType type, int threads) {
    using Clock = std::chrono::steady_clock;
    constexpr std::int64_t rows = 512, width = 512;
    constexpr int products = 4, tries = 3;
    const int side_by_side = device.is_cpu() ? std::max(threads, 1) : 1;
    double best = 0;
    for (int i = 0; i <= tries; ++i) {  // the first one warms up
        const auto start = Clock::now();
        base::run_workers(side_by_side, [&](int) {
            const torch::NoGradGuard no_grad;
            const auto a = torch::ones({rows, width}, torch::dtype(type).device(device)), b = torch::ones({width, width}, a.options());
            torch::Tensor last;
            for (int product = 0; product < products; ++product) last = model::training_linear(a, b, {});
            last.flatten()[0].item<float>();  // waits for a GPU
        });
        const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
        if (i > 0) best = std::max(best, 2.0 * rows * width * width * products * side_by_side / std::max(seconds, 1e-9));
    }
    return best;
}

}  // namespace kohort::train
