#include "describe_texts.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <optional>
#include <span>

#include "encode/text_encoder.h"
#include "encode/vector_transform.h"
#include "model/pretrained.h"
#include "parallel/agreement.h"
#include "parallel/collectives.h"
#include "stages.h"
#include "store/partition_file.h"
#include "text/tokenizer.h"

namespace kohort::jobs {
namespace {

// Rows minus their mean, each scaled to length 1.
std::vector<std::vector<double>> directions(std::span<const float> values, std::size_t rows, std::size_t columns) {
    std::vector<double> mean(columns);
    for (std::size_t i = 0; i < rows; ++i)
        for (std::size_t j = 0; j < columns; ++j) mean[j] += static_cast<double>(values[i * columns + j]) / static_cast<double>(rows);
    std::vector<std::vector<double>> result(rows, std::vector<double>(columns));
    for (std::size_t i = 0; i < rows; ++i) {
        double squares = 0;
        for (std::size_t j = 0; j < columns; ++j) {
            result[i][j] = values[i * columns + j] - mean[j];
            squares += result[i][j] * result[i][j];
        }
        for (double& x : result[i]) x = squares > 0 ? x / std::sqrt(squares) : 0;
    }
    return result;
}

// How the run's own texts were encoded, on this job's device, and what was done to their vectors.
struct Recorded {
    encode::TextEncoderOptions texts;
    std::optional<encode::VectorTransform> transform;
};

Recorded as_recorded(const JobContext& context, const store::RunFolder& run) {
    // Rank 0 keeps the manifest: what this very run has just finished is recorded there only.
    std::string pooling, precision;
    std::array<std::int64_t, 3> numbers{0, -1, 0};  // tokens of a sequence, overlap of windows, post-processing
    auto& [max_tokens, overlap, transformed] = numbers;
    parallel::agree(context.comm, [&] {
        if (!context.is_root()) return;
        const auto key = completed_stage(run, "embedding", "encode");
        for (const auto& [name, value] : key.inputs()) {
            if (name == "pooling") pooling = value;
            if (name == "precision") precision = value;
            if (name == "max-tokens") max_tokens = std::stoll(value);
            if (name == "window-overlap") overlap = std::stoll(value);
            if (name == "post-process") transformed = 1;
        }
    });
    parallel::broadcast_resized(context.comm, pooling);
    parallel::broadcast_resized(context.comm, precision);
    parallel::broadcast(context.comm, std::span<std::int64_t>(numbers));
    Recorded result;
    auto& options = result.texts;
    options.pooling = encode::parse_pooling(pooling);
    options.max_tokens = max_tokens;
    options.precision = model::choose_precision(precision, context.device);
    options.device = context.device;
    if (overlap >= 0) {
        options.long_texts = encode::LongTexts::windows;
        options.window_overlap = overlap;
    }
    if (transformed) result.transform = encode::read_transform(run.path() / encode::transform_path);
    return result;
}

}  // namespace

std::vector<std::vector<double>> closeness_to_centroids(JobContext& context, const store::RunFolder& run,
                                                        const std::vector<std::string>& texts) {
    const store::PartitionReader centroids(run.path() / "segment/centroids.h5");
    const auto numbers = centroids.read<std::int32_t>("/number");
    const auto columns = static_cast<std::size_t>(centroids.shape("/centroids")[1]);
    // Rows of the centroids in the order of their numbers.
    std::vector<std::size_t> order(numbers.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(), [&](auto a, auto b) { return numbers[a] < numbers[b]; });
    const auto values = centroids.read<float>("/centroids");
    const auto segments = directions(values, numbers.size(), columns);

    std::vector<std::vector<double>> closeness(texts.size(), std::vector<double>(numbers.size()));
    const auto tokenizer = text::load_tokenizer(run.path() / "model");
    const auto model = model::load_encoder(run.path() / "model", false);
    const auto recorded = as_recorded(context, run);
    const encode::TextEncoder encoder(*model, tokenizer.get(), recorded.texts);
    const std::vector<std::string_view> views(texts.begin(), texts.end());
    auto vectors = encoder.encode(views).vectors;
    if (recorded.transform) vectors = recorded.transform->apply(vectors, true);
    const auto described = directions(vectors, texts.size(), columns);
    for (std::size_t i = 0; i < texts.size(); ++i)
        for (std::size_t c = 0; c < order.size(); ++c)
            closeness[i][c] = std::inner_product(described[i].begin(), described[i].end(), segments[order[c]].begin(), 0.0);
    return closeness;
}

}  // namespace kohort::jobs
