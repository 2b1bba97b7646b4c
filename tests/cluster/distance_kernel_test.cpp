// Whatever computes the labels, they are the canonical ones.
#include "cluster/distance_kernel.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "base/error.h"
#include "cluster/canonical_distance.h"
#include "sharded.h"

namespace kohort::cluster {
namespace {

struct Variant {
    Kernel kernel;
    PrefilterChoice prefilter = PrefilterChoice::off;
    std::string name() const {
        return std::string(kernel_name(kernel)) + (prefilter == PrefilterChoice::off    ? ""
                                                   : prefilter == PrefilterChoice::bf16 ? " after bf16"
                                                                                        : " after int8");
    }
};

std::vector<Variant> variants_here() {
    std::vector<Variant> variants;
    for (const Kernel kernel : {Kernel::scalar, Kernel::portable, Kernel::avx2, Kernel::avx512, Kernel::amx}) try {
            variants.push_back({resolve_kernel(kernel)});
        } catch (const base::Error& error) {
            EXPECT_EQ(error.kind(), base::ErrorKind::environment);
        }
    for (const auto& [kernel, choice, format] : coarse_arithmetic_here()) variants.push_back({kernel, choice});
    return variants;
}

struct Asked {
    std::vector<std::int32_t> labels, labels_again, seconds;
    std::vector<float> upper, lower;
    std::int64_t rescanned = 0, rescanned_two = 0;
};

Asked ask(const Variant& which, const std::vector<float>& x, const std::vector<float>& c, std::int64_t d,
          int threads = 1) {
    const DistanceKernel kernel(c, d, which.kernel, which.prefilter, threads);
    const auto n = x.size() / static_cast<std::size_t>(d);
    std::vector<float> norms(n);
    for (std::size_t i = 0; i < n; ++i) norms[i] = norm_bound(x.data() + static_cast<std::int64_t>(i) * d, d);
    Asked a{std::vector<std::int32_t>(n), std::vector<std::int32_t>(n), std::vector<std::int32_t>(n), std::vector<float>(n),
            std::vector<float>(n)};
    a.rescanned = kernel.assign(x.data(), norms.data(), static_cast<std::int64_t>(n),
                                {a.labels.data(), nullptr, a.upper.data(), a.lower.data()}).rescanned;
    a.rescanned_two =
        kernel.assign(x.data(), norms.data(), static_cast<std::int64_t>(n), {a.labels_again.data(), a.seconds.data()})
            .rescanned;
    return a;
}

// The definition, written out again.
void expect_canonical(const Asked& a, const std::vector<float>& x, const std::vector<float>& c, std::int64_t d,
                      const std::string& what) {
    const auto k = static_cast<std::int64_t>(c.size()) / d;
    for (std::size_t i = 0; i < a.labels.size(); ++i) {
        std::int32_t first = -1, second = -1;
        double nearest = INFINITY, next = INFINITY;
        for (std::int32_t id = 0; id < k; ++id) {
            const double distance = canonical_distance(x.data() + static_cast<std::int64_t>(i) * d, c.data() + id * d, d);
            if (distance < nearest) nearest = distance, first = id;
        }
        for (std::int32_t id = 0; id < k; ++id) {
            const double distance = canonical_distance(x.data() + static_cast<std::int64_t>(i) * d, c.data() + id * d, d);
            if (id != first && distance < next) next = distance, second = id;
        }
        ASSERT_EQ(a.labels[i], first) << what << " row " << i;
        ASSERT_EQ(a.labels_again[i], first) << what << " row " << i;
        ASSERT_EQ(a.seconds[i], second) << what << " row " << i;
        ASSERT_GE(a.upper[i], std::sqrt(nearest) * (1 - 1e-12)) << what << " row " << i;
        ASSERT_LE(a.lower[i], std::sqrt(next) * (1 + 1e-12)) << what << " row " << i;
    }
}

std::vector<float> normals(std::size_t count, double scale, double shift, unsigned seed) {
    std::mt19937 random(seed);
    std::normal_distribution<double> normal;
    std::vector<float> values(count);
    for (float& value : values) value = static_cast<float>(shift + scale * normal(random));
    return values;
}

TEST(DistanceKernel, every_kernel_gives_the_definition_on_odd_shapes) {
    unsigned seed = 1;
    for (const std::size_t n : {1, 5, 47, 131})
        for (const std::size_t d : {1, 3, 7, 8, 17, 127, 128, 129, 300})
            for (const std::size_t k : {1, 2, 3, 15, 16, 17, 33, 48, 63, 65}) {
                const auto x = normals(n * d, 1, 0, ++seed), c = normals(k * d, 1, 0, ++seed);
                for (const Variant& kernel : variants_here())
                    expect_canonical(ask(kernel, x, c, static_cast<std::int64_t>(d)), x, c, static_cast<std::int64_t>(d),
                                     fmt::format("{} n={} d={} k={}", kernel.name(), n, d, k));
            }
}

TEST(DistanceKernel, near_ties_are_settled_canonically) {
    // Far from the origin float32 cannot tell the centroids apart: nearly all rows must be rescanned, and be right.
    const std::int64_t d = 40;
    const auto x = normals(300 * 40, 1e-3, 100, 2), c = normals(9 * 40, 1e-3, 100, 3);
    for (const Variant& kernel : variants_here()) {
        const auto a = ask(kernel, x, c, d);
        expect_canonical(a, x, c, d, kernel.name());
        if (kernel.prefilter == PrefilterChoice::off) {
            EXPECT_GT(a.rescanned, 290);
        }
    }
}

TEST(DistanceKernel, clear_cut_rows_need_no_rescan) {
    const std::int64_t d = 64;
    const auto c = normals(20 * 64, 1, 0, 4);
    auto x = normals(200 * 64, 0.1, 0, 5);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] += c[i % c.size()];
    for (const Variant& kernel : variants_here()) {
        const auto a = ask(kernel, x, c, d);
        expect_canonical(a, x, c, d, kernel.name());
        EXPECT_EQ(a.rescanned, kernel.kernel == Kernel::scalar ? 200 : 0);
        for (std::size_t i = 0; i < a.labels.size(); ++i) {  // and their bounds are close ones
            const double distance = std::sqrt(canonical_distance(x.data() + i * 64, c.data() + a.labels[i] * d, d));
            const double next = std::sqrt(canonical_distance(x.data() + i * 64, c.data() + a.seconds[i] * d, d));
            EXPECT_LE(a.upper[i], distance * 1.001);
            EXPECT_GE(a.lower[i], next * (kernel.prefilter == PrefilterChoice::off    ? 0.999
                                          : kernel.prefilter == PrefilterChoice::bf16 ? 0.98
                                                                                      : 0.9));
        }
        EXPECT_LE(a.rescanned_two, kernel.kernel == Kernel::scalar ? 200 : 2);
    }
}

TEST(DistanceKernel, exact_ties_go_to_the_lowest_id) {
    const std::int64_t d = 5;
    auto c = normals(40 * 5, 1, 0, 6);
    for (std::size_t i = 0; i < 20 * 5; ++i) c[20 * 5 + i] = c[i];  // every centroid twice
    const auto x = normals(100 * 5, 1, 0, 7);
    for (const Variant& kernel : variants_here()) {
        const auto a = ask(kernel, x, c, d);
        expect_canonical(a, x, c, d, kernel.name());
        for (std::size_t i = 0; i < a.labels.size(); ++i) {
            EXPECT_LT(a.labels[i], 20);
            EXPECT_EQ(a.seconds[i], a.labels[i] + 20);
        }
    }
}

TEST(DistanceKernel, magnitudes_beyond_float32_products_are_right) {
    const std::int64_t d = 6;
    for (const double scale : {1e-44, 1e-30, 1e-20, 1e15, 1e19, 1e25, 1e38}) {
        const auto x = normals(60 * 6, scale, 0, 8), c = normals(7 * 6, scale, 0, 9);
        for (const Variant& kernel : variants_here())
            expect_canonical(ask(kernel, x, c, d), x, c, d, fmt::format("{} {}", kernel.name(), scale));
    }
    // One huge centroid among ordinary ones.
    const auto x = normals(60 * 6, 1, 0, 10);
    auto c = normals(7 * 6, 1, 0, 11);
    c[8] = 3e38f;
    for (const Variant& kernel : variants_here()) expect_canonical(ask(kernel, x, c, d), x, c, d, kernel.name());
}

// Rows halfway between two centroids, moved by a few units in the last place: float32 gets many of them wrong.
TEST(DistanceKernel, rows_on_the_border_by_a_hair_are_right) {
    for (const std::int64_t d : {3, 64, 200, 513}) {
        const auto c = normals(static_cast<std::size_t>(6 * d), 1, 0.5, 12);
        std::vector<float> x;
        std::mt19937 random(13);
        for (int i = 0; i < 240; ++i) {
            const auto a = static_cast<std::int64_t>(random() % 6), b = static_cast<std::int64_t>(random() % 6);
            for (std::int64_t j = 0; j < d; ++j) {
                float value = 0.5f * (c[static_cast<std::size_t>(a * d + j)] + c[static_cast<std::size_t>(b * d + j)]);
                for (unsigned steps = random() % 3; steps > 0; --steps)
                    value = std::nextafter(value, random() % 2 ? 10.0f : -10.0f);
                x.push_back(value);
            }
        }
        for (const Variant& kernel : variants_here())
            expect_canonical(ask(kernel, x, c, d), x, c, d, fmt::format("{} d={}", kernel.name(), d));
    }
}

// With so many equal distances the shortlist of a row overflows; float32 takes over and settles the lowest id.
TEST(DistanceKernel, more_equal_centroids_than_a_shortlist_holds_are_right) {
    const std::int64_t d = 19;
    auto c = normals(3 * 19, 1, 0, 14);
    for (int copy = 0; copy < 90; ++copy) c.insert(c.end(), c.begin(), c.begin() + 19);
    const auto x = normals(70 * 19, 1, 0, 15);
    for (const Variant& kernel : variants_here()) expect_canonical(ask(kernel, x, c, d), x, c, d, kernel.name());
}

// Vectors of an encoder lie in a narrow cone: the common part would cost coarse numbers all their bits, were it not taken out.
TEST(DistanceKernel, a_common_offset_costs_the_prefilter_nothing) {
    const std::int64_t d = 64;
    const auto c = normals(200 * 64, 1, 0, 16);
    auto x = normals(400 * 64, 0.2, 0, 17);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] += c[i % c.size()];
    auto far = c;
    for (float& value : x) value += 30;
    for (float& value : far) value += 30;
    std::vector<float> norms(400);
    for (std::int64_t i = 0; i < 400; ++i) norms[static_cast<std::size_t>(i)] = norm_bound(x.data() + i * d, d);
    for (const auto& arithmetic : coarse_arithmetic_here()) {
        const DistanceKernel kernel(far, d, arithmetic.kernel, arithmetic.choice);
        std::vector<std::int32_t> labels(400);
        EXPECT_EQ(kernel.assign(x.data(), norms.data(), 400, {labels.data()}).reranked, 0);
        for (std::size_t i = 0; i < 400; ++i) EXPECT_EQ(labels[i], static_cast<std::int32_t>(i % 200));
    }
}

TEST(DistanceKernel, a_prefilter_that_cannot_run_is_refused_and_never_silently_left_out) {
    EXPECT_EQ(parse_prefilter("bf16"), PrefilterChoice::bf16);
    EXPECT_EQ(parse_prefilter("int8"), PrefilterChoice::int8);
    EXPECT_EQ(parse_prefilter("auto"), PrefilterChoice::automatic);
    EXPECT_EQ(parse_prefilter("off"), PrefilterChoice::off);
    EXPECT_THROW(parse_prefilter("fp16"), base::Error);
    EXPECT_FALSE(resolve_prefilter(PrefilterChoice::off, Kernel::automatic, 1000));
    EXPECT_FALSE(resolve_prefilter(PrefilterChoice::automatic, Kernel::portable, 1000));
    EXPECT_EQ(resolve_prefilter(PrefilterChoice::automatic, Kernel::automatic, 1000).has_value(), !coarse_arithmetic_here().empty());
    const std::vector<float> c(40 * 3, 1);
    for (const auto& arithmetic : coarse_arithmetic_here()) {
        EXPECT_EQ(DistanceKernel(c, 3, arithmetic.kernel, arithmetic.choice).kernel(), arithmetic.kernel);
        EXPECT_EQ(DistanceKernel(c, 3, arithmetic.kernel).kernel(), Kernel::avx512);  // no tile is multiplied
        if (arithmetic.kernel == Kernel::amx) {
            EXPECT_EQ(resolve_prefilter(PrefilterChoice::automatic, Kernel::amx, 1000), CoarseFormat::bf16);
        }
    }
    for (const auto choice : {PrefilterChoice::bf16, PrefilterChoice::int8}) try {
            resolve_prefilter(choice, Kernel::portable, 1000);
            FAIL();
        } catch (const base::Error& error) {
            EXPECT_EQ(error.kind(), base::ErrorKind::environment);
        }
}

TEST(DistanceKernel, names_round_trip_and_unknown_ones_are_refused) {
    for (const Kernel kernel : {Kernel::automatic, Kernel::scalar, Kernel::portable, Kernel::avx2, Kernel::avx512, Kernel::amx})
        EXPECT_EQ(parse_kernel(kernel_name(kernel)), kernel);
    EXPECT_THROW(parse_kernel("avx"), base::Error);
    EXPECT_NE(resolve_kernel(Kernel::automatic), Kernel::automatic);
}

// So many numbers that threads share the centroids; the last panel is not full.
TEST(DistanceKernel, is_the_same_whoever_lays_its_centroids_out) {
    constexpr std::int64_t n = 300, d = 131, k = 1001;
    std::mt19937 random(21);
    std::normal_distribution<float> value;
    std::vector<float> x(n * d), c(k * d);
    for (auto* each : {&x, &c})
        for (float& component : *each) component = value(random);
    for (const Variant& variant : variants_here()) {
        SCOPED_TRACE(variant.name());
        const Asked one = ask(variant, x, c, d), three = ask(variant, x, c, d, 3);
        EXPECT_EQ(three.labels, one.labels);
        EXPECT_EQ(three.seconds, one.seconds);
        EXPECT_EQ(three.upper, one.upper);
        EXPECT_EQ(three.lower, one.lower);
        EXPECT_EQ(three.rescanned, one.rescanned);
        EXPECT_EQ(three.rescanned_two, one.rescanned_two);
    }
}

}  // namespace
}  // namespace kohort::cluster
