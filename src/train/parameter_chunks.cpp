#include "train/parameter_chunks.h"

#include <algorithm>

namespace kohort::train {
namespace {

// Four arrays of this size stay in a core's cache; a GPU wants more at once.
std::int64_t chunk_elements(const torch::Tensor& tensor) { return std::int64_t{1} << (tensor.is_cpu() ? 16 : 22); }

}  // namespace

ParameterChunks::ParameterChunks(const std::vector<model::Parameter>& parameters) {
    for (std::size_t t = 0; t < parameters.size(); ++t) {
        const std::int64_t size = parameters[t].value.numel(), most = chunk_elements(parameters[t].value);
        for (std::int64_t begin = 0; begin < size; begin += most) {
            chunks_.push_back({t, begin, std::min(begin + most, size)});
            offsets_.push_back(offsets_.back() + chunks_.back().end - begin);
        }
    }
}

std::vector<parallel::Range> ParameterChunks::shares(int ranks) const {
    std::vector<std::int64_t> sizes;
    for (const Chunk& chunk : chunks_) sizes.push_back(chunk.end - chunk.begin);
    return parallel::balanced_ranges(sizes, ranks);
}

}  // namespace kohort::train
