#include "train/dropout_masks.h"

#include <algorithm>
#include <cmath>

namespace kohort::train {

DropoutMasks::DropoutMasks(std::uint64_t seed, std::int64_t step, double rate, std::vector<std::int32_t> sequences)
    : random_(seed, base::RandomPurpose::dropout), step_(step), rate_(rate), sequences_(std::move(sequences)) {}

torch::Tensor DropoutMasks::scaled_mask(int layer, model::DropoutSite site, torch::IntArrayRef shape) {
    auto mask = torch::empty(shape, torch::kFloat);
    const std::int64_t per_sequence = mask.numel() / std::max<std::int64_t>(shape[0], 1);
    const auto threshold = static_cast<std::uint32_t>(std::lround(rate_ * 65536));
    const auto kept = static_cast<float>(65536.0 / (65536.0 - threshold));
    const auto place = (static_cast<std::uint64_t>(layer + 1) << 56) | (static_cast<std::uint64_t>(site) << 48);
    float* out = mask.data_ptr<float>();
    for (std::int64_t row = 0; row < shape[0]; ++row) {
        const auto high = (static_cast<std::uint64_t>(step_) << 32) | static_cast<std::uint32_t>(sequences_[static_cast<std::size_t>(row)]);
        for (std::int64_t begin = 0; begin < per_sequence; begin += 8) {
            const auto block = random_.block(high, place | static_cast<std::uint64_t>(begin / 8));
            const std::int64_t here = std::min<std::int64_t>(8, per_sequence - begin);
            for (std::int64_t i = 0; i < here; ++i)
                *out++ = ((block[static_cast<std::size_t>(i / 2)] >> (16 * (i % 2))) & 0xFFFF) < threshold ? 0.0F : kept;
        }
    }
    return mask;
}

}  // namespace kohort::train
