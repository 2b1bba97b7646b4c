#include "encode/vector_transform.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "parallel/collectives.h"
#include "store/partition_file.h"

namespace kohort::encode {
namespace {

constexpr std::int64_t block = 1024;  // rows multiplied at once; part of the result, as a product's last bits depend on it
constexpr double float_precision = 0x1p-22;

double squared_length(std::span<const double> row) {
    double sum = 0;
    for (const double x : row) sum += x * x;
    return sum;
}

// Of `count` rows, centred in double.
torch::Tensor centred(std::span<const float> rows, std::int64_t count, std::span<const double> mean) {
    auto result = torch::empty({count, static_cast<std::int64_t>(mean.size())}, torch::kDouble);
    double* out = result.data_ptr<double>();
    for (std::size_t i = 0; i < rows.size(); i += mean.size()) {
        const auto row = rows.subspan(i, mean.size());
        double length = 0;
        for (std::size_t j = 0; j < row.size(); ++j) {
            length += static_cast<double>(row[j]) * row[j];
            out[i + j] = row[j] - mean[j];
        }
        const std::span<double> made(out + i, mean.size());
        if (squared_length(made) <= float_precision * float_precision * length || length == 0) std::ranges::fill(made, 0.0);
    }
    return result;
}

}  // namespace

std::string_view name_of(PostProcess post_process) {
    switch (post_process) {
        case PostProcess::none: return "none";
        case PostProcess::center: return "center";
        case PostProcess::whiten: return "whiten";
        case PostProcess::file: break;
    }
    return "file";
}

std::vector<float> VectorTransform::apply(std::span<const float> vectors, bool unit) const {
    const c10::InferenceMode inference;
    at::set_num_threads(1);  // more would change the last bits of products
    const auto width = static_cast<std::size_t>(dimension()), out_width = static_cast<std::size_t>(columns());
    const auto count = static_cast<std::int64_t>(vectors.size() / width);
    const auto matrix =
        components.empty() ? torch::Tensor()
                           : torch::from_blob(const_cast<double*>(components.data()), {dimension(), columns()}, torch::kDouble);
    std::vector<float> result(static_cast<std::size_t>(count) * out_width);
    for (std::int64_t first = 0; first < count; first += block) {
        const auto size = std::min(block, count - first);
        auto made = centred(vectors.subspan(static_cast<std::size_t>(first) * width, static_cast<std::size_t>(size) * width),
                            size, mean);
        if (matrix.defined()) made = torch::mm(made, matrix);
        for (std::int64_t i = 0; i < size; ++i) {
            const std::span<const double> row(made.data_ptr<double>() + static_cast<std::size_t>(i) * out_width, out_width);
            const double squares = unit ? squared_length(row) : 1;
            const double scale = squares > 0 ? 1 / std::sqrt(squares) : 0;
            float* out = result.data() + static_cast<std::size_t>(first + i) * out_width;
            for (std::size_t j = 0; j < out_width; ++j) out[j] = static_cast<float>(row[j] * scale);
        }
    }
    return result;
}

std::string write_transform(const std::filesystem::path& path, std::string_view stage, std::string_view key,
                            const VectorTransform& transform) {
    store::PartitionWriter file(path, stage, key);
    file.write("/mean", transform.mean, store::Filter::none);
    if (!transform.components.empty()) {
        file.write("/components", std::span<const double>(transform.components), {transform.dimension(), transform.columns()},
                   store::Filter::none);
        file.write("/variances", transform.variances, store::Filter::none);
    }
    file.set_attribute("/", "rows", transform.rows);
    return file.commit();
}

VectorTransform read_transform(const std::filesystem::path& path) {
    const store::PartitionReader file(path);
    VectorTransform transform;
    transform.mean = file.read<double>("/mean");
    transform.rows = file.integer_attribute("/", "rows");
    if (file.has("/components")) {
        transform.components = file.read<double>("/components");
        transform.variances = file.read<double>("/variances");
    }
    const auto finite = [](const std::vector<double>& values) {
        return std::ranges::all_of(values, [](double x) { return std::isfinite(x); });
    };
    if (transform.mean.empty() || transform.components.size() != transform.mean.size() * transform.variances.size() ||
        !finite(transform.mean) || !finite(transform.components))
        base::fail(base::ErrorKind::environment, "{} holds no transform of vectors: its datasets do not fit each other",
                   path.string());
    return transform;
}

void broadcast_transform(parallel::Communicator& comm, VectorTransform& transform) {
    parallel::broadcast_resized(comm, transform.mean);
    parallel::broadcast_resized(comm, transform.components);
    parallel::broadcast_resized(comm, transform.variances);
    parallel::broadcast(comm, std::span(&transform.rows, 1));
}

}  // namespace kohort::encode
