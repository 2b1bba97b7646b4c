#include "encode/transform_fit.h"

#include <torch/torch.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <mutex>

#include "base/error.h"
#include "base/log.h"
#include "base/stop_signal.h"
#include "base/worker_threads.h"
#include "parallel/agreement.h"
#include "parallel/collectives.h"
#include "parallel/exact_sum.h"
#include "parallel/heartbeat.h"
#include "parallel/partition_queue.h"

namespace kohort::encode {
namespace {

constexpr std::size_t block = 1024;       // rows multiplied at once; part of the result
constexpr double least_variance = 1e-12;  // of a component, relative to the largest; below it is rounding

class Fit {
  public:
    Fit(parallel::Communicator& comm, const VectorSource& source, int threads)
        : comm_(comm), source_(source), width_(static_cast<std::size_t>(source.dimension)), threads_(threads) {}

    std::int64_t rows() const { return rows_; }

    void count_rows() {
        for_each_partition([&](const std::vector<float>& rows) {
            float largest = 0;
            for (const float x : rows) largest = std::max(largest, std::fabs(x));
            std::lock_guard lock(mutex_);
            rows_ += static_cast<std::int64_t>(rows.size() / width_);
            blocks_ += static_cast<std::int64_t>((rows.size() / width_ + block - 1) / block);
            largest_ = std::max(largest_, static_cast<double>(largest));
        });
        rows_ = parallel::all_sum(comm_, rows_);
        blocks_ = parallel::all_sum(comm_, blocks_);
        largest_ = parallel::all_max(comm_, largest_);
    }

    std::vector<double> mean() {
        const int exponent = parallel::fixed_point_exponent(rows_, largest_);
        auto result = exact_sums(width_, exponent, [&](const std::vector<float>& rows, std::vector<std::int64_t>& sums) {
            for (std::size_t first = 0; first < rows.size(); first += width_)
                for (std::size_t j = 0; j < width_; ++j) sums[j] += parallel::to_fixed_point(rows[first + j], exponent);
        });
        for (double& x : result) x /= static_cast<double>(rows_);
        return result;
    }

    // Its lower triangle counts.
    torch::Tensor covariance(const std::vector<double>& mean) {
        const double largest_product = static_cast<double>(block) * (2 * largest_) * (2 * largest_);
        const int exponent = parallel::fixed_point_exponent(blocks_, largest_product);
        const auto sums =
            exact_sums(width_ * width_, exponent, [&](const std::vector<float>& rows, std::vector<std::int64_t>& products) {
                const c10::InferenceMode inference;
                at::set_num_threads(1);  // more would change the last bits
                for (std::size_t first = 0; first < rows.size(); first += block * width_) {
                    const auto size = std::min(block * width_, rows.size() - first);
                    auto centred = torch::empty({static_cast<std::int64_t>(size / width_), source_.dimension}, torch::kDouble);
                    double* out = centred.data_ptr<double>();
                    for (std::size_t i = 0; i < size; i += width_)
                        for (std::size_t j = 0; j < width_; ++j) out[i + j] = rows[first + i + j] - mean[j];
                    const auto product = torch::mm(centred.t(), centred);
                    const double* terms = product.data_ptr<double>();
                    for (std::size_t i = 0; i < products.size(); ++i)
                        products[i] += parallel::to_fixed_point(terms[i], exponent);
                }
            });
        return torch::tensor(sums, torch::kDouble).view({source_.dimension, source_.dimension}) /
               static_cast<double>(rows_ - 1);
    }

  private:
    // `work` gets a partition's rows that are not zero.
    void for_each_partition(const std::function<void(const std::vector<float>&)>& work) {
        parallel::PartitionQueue queue(comm_, source_.partitions);
        std::atomic<bool> failed{false};
        base::run_workers(threads_, [&](int) {
            try {
                while (!failed) {
                    parallel::heartbeat();
                    base::leave_if_stop_requested("post-processing");
                    const auto partition = queue.claim();
                    if (!partition) return;
                    work(rows_with_text(source_.read(*partition)));
                }
            } catch (...) {
                failed = true;
                throw;
            }
        });
    }

    std::vector<float> rows_with_text(std::vector<float> rows) const {
        auto out = rows.begin();
        for (auto row = rows.begin(); row != rows.end(); row += source_.dimension) {
            const auto next = row + source_.dimension;
            if (std::any_of(row, next, [](float x) { return x != 0; })) out = std::move(row, next, out);
        }
        rows.erase(out, rows.end());
        return rows;
    }

    // `add` adds a partition's terms, each rounded to the grid of 2^-exponent.
    std::vector<double> exact_sums(std::size_t count, int exponent,
                                   const std::function<void(const std::vector<float>&, std::vector<std::int64_t>&)>& add) {
        std::vector<std::int64_t> total(count);
        for_each_partition([&](const std::vector<float>& rows) {
            if (rows.empty()) return;
            std::vector<std::int64_t> mine(count);
            add(rows, mine);
            std::lock_guard lock(mutex_);
            for (std::size_t i = 0; i < count; ++i) total[i] += mine[i];
        });
        parallel::all_reduce(comm_, std::span(total), parallel::ReduceOperation::sum);
        std::vector<double> sums;
        for (const auto sum : total) sums.push_back(parallel::from_fixed_point(sum, exponent));
        return sums;
    }

    parallel::Communicator& comm_;
    const VectorSource& source_;
    const std::size_t width_;
    const int threads_;
    std::mutex mutex_;
    std::int64_t rows_ = 0, blocks_ = 0;
    double largest_ = 0;
};

// The first `columns` components of a covariance, into the transform.
void take_components(const torch::Tensor& covariance, std::int64_t columns, VectorTransform& transform) {
    const auto width = transform.dimension();
    const auto [values, vectors] = at::linalg_eigh(covariance, "L");  // ascending
    const double largest = values[width - 1].item<double>();
    transform.variances.resize(static_cast<std::size_t>(columns));
    transform.components.resize(static_cast<std::size_t>(width * columns));
    std::int64_t varying = 0;
    for (std::int64_t c = 0; c < columns; ++c) {
        const double variance = values[width - 1 - c].item<double>();
        transform.variances[static_cast<std::size_t>(c)] = std::max(variance, 0.0);
        if (!(variance > least_variance * largest)) continue;
        ++varying;
        const auto vector = vectors.select(1, width - 1 - c).contiguous();
        const std::span<const double> values_of(vector.data_ptr<double>(), static_cast<std::size_t>(width));
        // An eigenvector's sign is anyone's: the largest entry is positive.
        const double peak = *std::ranges::max_element(values_of, {}, [](double x) { return std::fabs(x); });
        const double scale = (peak < 0 ? -1 : 1) / std::sqrt(variance);
        for (std::int64_t j = 0; j < width; ++j)
            transform.components[static_cast<std::size_t>(j * columns + c)] = values_of[static_cast<std::size_t>(j)] * scale;
    }
    if (varying == 0)
        base::fail(base::ErrorKind::input, "--post-process whiten: all {} vectors are equal, so that there is no variance",
                   transform.rows);
    if (varying < columns)
        base::log_warning("--post-process whiten: {} vectors vary in {} directions only; the other {} of {} components are 0",
                          transform.rows, varying, columns - varying, columns);
}

}  // namespace

VectorTransform fit_transform(parallel::Communicator& comm, const VectorSource& source, PostProcess kind, std::int64_t columns,
                              int threads) {
    Fit fit(comm, source, threads);
    fit.count_rows();
    if (fit.rows() < 2)
        base::fail(base::ErrorKind::input, "--post-process {} needs two or more rows with text, and there {}", name_of(kind),
                   fit.rows() == 0 ? "are none" : "is one");
    VectorTransform transform;
    transform.rows = fit.rows();
    transform.mean = fit.mean();
    if (kind == PostProcess::whiten) {
        const auto covariance = fit.covariance(transform.mean);
        parallel::agree(comm, [&] {
            if (comm.is_root()) take_components(covariance, columns, transform);
        });
    }
    broadcast_transform(comm, transform);
    return transform;
}

}  // namespace kohort::encode
