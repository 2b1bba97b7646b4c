#include "encode/transform_fit.h"

#include <gmock/gmock.h>

#include <cmath>
#include <random>

#include "base/error.h"
#include "parallel/thread_communicator.h"

namespace kohort::encode {
namespace {

using testing::HasSubstr;
using Partitions = std::vector<std::vector<float>>;

constexpr std::size_t width = 7;

// Correlated columns of very different sizes around a mean that is far from 0; rows of zeros among them.
std::vector<float> some_rows(std::size_t count, unsigned seed) {
    std::mt19937 random(seed);
    std::normal_distribution<double> normal;
    std::vector<float> rows(count * width);
    for (std::size_t i = 0; i < count; ++i) {
        if (i % 11 == 5) continue;
        const double shared = normal(random);
        for (std::size_t j = 0; j < width; ++j)
            rows[i * width + j] = static_cast<float>(3.0 - static_cast<double>(j) + shared * static_cast<double>(j % 3) +
                                                     std::pow(0.4, static_cast<double>(j)) * normal(random));
    }
    return rows;
}

// Empty ones, one of a single row, one larger than a block.
Partitions some_partitions() {
    Partitions partitions;
    unsigned seed = 1;
    for (const std::size_t rows : {40, 0, 1, 2500, 7, 0, 129}) partitions.push_back(some_rows(rows, seed++));
    return partitions;
}

VectorTransform fit(const Partitions& partitions, PostProcess kind, std::int64_t columns, int ranks = 1, int threads = 1) {
    VectorSource source{
        static_cast<std::int64_t>(width), {}, [&](std::int32_t p) { return partitions[static_cast<std::size_t>(p)]; }};
    for (std::size_t p = 0; p < partitions.size(); ++p) source.partitions.push_back(static_cast<std::int32_t>(p));
    std::vector<VectorTransform> results(static_cast<std::size_t>(ranks));
    parallel::run_thread_ranks(ranks, [&](parallel::Communicator& comm) {
        results[static_cast<std::size_t>(comm.rank())] = fit_transform(comm, source, kind, columns, threads);
    });
    for (const auto& result : results)
        EXPECT_TRUE(result.mean == results[0].mean && result.components == results[0].components &&
                    result.rows == results[0].rows);
    return results[0];
}

// The rows that count, one after another.
std::vector<std::vector<long double>> rows_of(const Partitions& partitions) {
    std::vector<std::vector<long double>> rows;
    for (const auto& partition : partitions)
        for (std::size_t i = 0; i < partition.size(); i += width)
            if (std::vector<long double> row(partition.begin() + static_cast<std::ptrdiff_t>(i),
                                             partition.begin() + static_cast<std::ptrdiff_t>(i + width));
                std::ranges::any_of(row, [](long double x) { return x != 0; }))
                rows.push_back(row);
    return rows;
}

std::vector<long double> mean_of(const std::vector<std::vector<long double>>& rows) {
    std::vector<long double> mean(width);
    for (const auto& row : rows)
        for (std::size_t j = 0; j < width; ++j) mean[j] += row[j] / static_cast<long double>(rows.size());
    return mean;
}

std::vector<std::vector<long double>> covariance_of(const std::vector<std::vector<long double>>& rows) {
    const auto mean = mean_of(rows);
    std::vector<std::vector<long double>> covariance(width, std::vector<long double>(width));
    for (const auto& row : rows)
        for (std::size_t j = 0; j < width; ++j)
            for (std::size_t k = 0; k < width; ++k)
                covariance[j][k] += (row[j] - mean[j]) * (row[k] - mean[k]) / static_cast<long double>(rows.size() - 1);
    return covariance;
}

std::string refusal(const Partitions& partitions, PostProcess kind, int code) {
    try {
        fit(partitions, kind, static_cast<std::int64_t>(width), 2);
    } catch (const base::Error& error) {
        EXPECT_EQ(error.exit_code(), code);
        return error.what();
    }
    return "no error";
}

TEST(TransformFit, is_the_same_bytes_at_any_ranks_and_threads) {
    const auto partitions = some_partitions();
    const auto first = fit(partitions, PostProcess::whiten, 5);
    for (const int ranks : {1, 2, 3, 5})
        for (const int threads : {1, 3}) {
            const auto other = fit(partitions, PostProcess::whiten, 5, ranks, threads);
            EXPECT_TRUE(other.mean == first.mean && other.components == first.components && other.variances == first.variances)
                << ranks << " ranks of " << threads << " threads";
        }
}

TEST(TransformFit, the_mean_is_that_of_the_rows_with_text) {
    const auto partitions = some_partitions();
    const auto rows = rows_of(partitions);
    for (const auto kind : {PostProcess::center, PostProcess::whiten}) {
        const auto transform = fit(partitions, kind, static_cast<std::int64_t>(width), 3);
        EXPECT_EQ(transform.rows, static_cast<std::int64_t>(rows.size()));
        for (std::size_t j = 0; j < width; ++j)
            EXPECT_NEAR(transform.mean[j], static_cast<double>(mean_of(rows)[j]), 1e-12) << j;
        EXPECT_EQ(transform.components.empty(), kind == PostProcess::center);
    }
}

// What whitening is: each component is an eigenvector of the covariance, by descending eigenvalue, and the components'
// own covariance is the identity.
TEST(TransformFit, components_are_eigenvectors_scaled_to_a_variance_of_one) {
    const auto partitions = some_partitions();
    const auto covariance = covariance_of(rows_of(partitions));
    const std::size_t columns = 5;
    const auto transform = fit(partitions, PostProcess::whiten, static_cast<std::int64_t>(columns), 2);
    EXPECT_EQ(transform.columns(), static_cast<std::int64_t>(columns));
    EXPECT_TRUE(std::ranges::is_sorted(transform.variances, std::greater<>()));
    const auto component = [&](std::size_t j, std::size_t c) {
        return static_cast<long double>(transform.components[j * columns + c]);
    };
    for (std::size_t c = 0; c < columns; ++c) {
        std::vector<long double> image(width);
        long double peak = 0;
        for (std::size_t j = 0; j < width; ++j) {
            for (std::size_t k = 0; k < width; ++k) image[j] += covariance[j][k] * component(k, c);
            if (std::fabs(component(j, c)) > std::fabs(peak)) peak = component(j, c);
        }
        EXPECT_GT(peak, 0) << c;
        for (std::size_t j = 0; j < width; ++j)
            EXPECT_NEAR(static_cast<double>(image[j]), transform.variances[c] * static_cast<double>(component(j, c)), 1e-11)
                << c << ' ' << j;
        for (std::size_t other = 0; other < columns; ++other) {
            long double product = 0;
            for (std::size_t j = 0; j < width; ++j) product += component(j, other) * image[j];
            EXPECT_NEAR(static_cast<double>(product), c == other ? 1.0 : 0.0, 1e-9) << c << ' ' << other;
        }
    }
}

TEST(TransformFit, fewer_rows_than_dimensions_leave_components_zero) {
    const auto transform =
        fit({some_rows(3, 8), {}, some_rows(1, 9)}, PostProcess::whiten, static_cast<std::int64_t>(width), 3);
    for (std::size_t j = 0; j < width; ++j)
        for (std::size_t c = 0; c < width; ++c) EXPECT_EQ(transform.components[j * width + c] != 0, c < 3) << j << ' ' << c;
}

TEST(TransformFit, a_constant_column_has_no_part_in_any_component) {
    auto partitions = some_partitions();
    for (auto& partition : partitions)
        for (std::size_t i = 0; i < partition.size(); i += width) partition[i + 4] = 0.1f;
    const auto transform = fit(partitions, PostProcess::whiten, static_cast<std::int64_t>(width), 2);
    for (std::size_t c = 0; c < width; ++c) EXPECT_NEAR(transform.components[4 * width + c], 0, 1e-12) << c;
    for (std::size_t j = 0; j < width; ++j) EXPECT_EQ(transform.components[j * width + width - 1], 0) << j;
}

TEST(TransformFit, too_few_rows_and_equal_rows_are_refused) {
    for (const auto kind : {PostProcess::center, PostProcess::whiten}) {
        EXPECT_THAT(refusal({}, kind, 3), HasSubstr("there are none"));
        EXPECT_THAT(refusal({{}, std::vector<float>(4 * width)}, kind, 3), HasSubstr("there are none"));
        EXPECT_THAT(refusal({{}, some_rows(1, 2)}, kind, 3), HasSubstr("there is one"));
    }
    EXPECT_THAT(refusal({std::vector<float>(3 * width, 0.3f), std::vector<float>(6 * width, 0.3f)}, PostProcess::whiten, 3),
                HasSubstr("are equal"));
}

}  // namespace
}  // namespace kohort::encode
