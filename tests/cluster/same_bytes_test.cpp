// The rank count is a resource, never a parameter of the result.
#include <gtest/gtest.h>

#include "sharded.h"

namespace kohort::cluster {
namespace {

struct Case {
    const char* name;
    std::vector<float> values;
    std::int64_t d;
    KMeansOptions options;
};

std::vector<Case> cases() {
    KMeansOptions plain;
    plain.clusters = 6;
    plain.seed = 3;
    KMeansOptions restarts = plain;
    restarts.initialization = Initialization::random;
    restarts.restarts = 3;
    KMeansOptions empty = plain;  // all but one initial centroid are far away: refills over several iterations
    empty.initialization = Initialization::given;
    empty.initial_centroids.assign(6 * 7, 50.0f);
    std::fill_n(empty.initial_centroids.begin(), 7, 0.0f);
    KMeansOptions surplus = plain;
    surplus.clusters = 9;
    std::vector<float> repeated;  // 4 distinct rows
    for (int i = 0; i < 211; ++i) repeated.insert(repeated.end(), {static_cast<float>(i % 4), 1.0f, 0.5f});
    KMeansOptions sampled = plain;  // more than 256 rows a cluster: the initialization draws a subsample
    sampled.clusters = 2;
    return {{"kmeans||", blobs(6, 70, 7, 0.8, 21), 7, plain},
            {"random", blobs(6, 70, 7, 0.8, 22), 7, restarts},
            {"empty", blobs(6, 70, 7, 0.8, 23), 7, empty},
            {"surplus", repeated, 3, surplus},
            {"sampled", blobs(3, 400, 4, 0.8, 24), 4, sampled}};
}

TEST(SameBytes, at_any_ranks_threads_and_shards) {
    for (const auto& [name, values, d, options] : cases()) {
        const WholeResult reference = run_single(values, d, options);
        const auto rows = static_cast<std::int64_t>(values.size()) / d;
        for (const int ranks : {1, 2, 3, 5, 8})
            for (const int threads : {1, 2}) {
                KMeansOptions with = options;
                with.threads = threads;
                EXPECT_EQ(run_sharded(values, d, with, ranks, even_shards(rows, ranks)), reference)
                    << name << ' ' << ranks << " ranks " << threads << " threads";
                EXPECT_EQ(run_sharded(values, d, with, ranks, wild_shards(rows, ranks, 7)), reference)
                    << name << ' ' << ranks << " ranks " << threads << " threads, wild shards";
            }
    }
}

TEST(SameBytes, where_threads_share_the_numbers_of_centroids) {
    constexpr std::int64_t d = 120, k = 600;
    KMeansOptions options;
    options.clusters = k;
    options.iterations = 6;
    const auto values = blobs(40, 45, d, 0.8, 31);
    options.initialization = Initialization::given;
    options.initial_centroids.assign(values.begin(), values.begin() + k * d);
    const auto rows = static_cast<std::int64_t>(values.size()) / d;
    const WholeResult reference = run_single(values, d, options);
    for (const Pruning pruning : {Pruning::off, Pruning::on})
        for (const int threads : {1, 3}) {
            KMeansOptions with = options;
            with.threads = threads;
            with.pruning = pruning;
            EXPECT_EQ(run_sharded(values, d, with, 1, even_shards(rows, 1)), reference) << threads << " threads";
            EXPECT_EQ(run_sharded(values, d, with, 2, wild_shards(rows, 2, 9)), reference) << threads << " threads";
        }
}

TEST(SameBytes, with_any_kernel) {
    for (const auto& [name, values, d, options] : cases()) {
        const WholeResult reference = run_single(values, d, options);
        const auto rows = static_cast<std::int64_t>(values.size()) / d;
        for (const Kernel kernel : {Kernel::scalar, Kernel::portable}) {
            KMeansOptions with = options;
            with.kernel = kernel;
            with.threads = 2;
            EXPECT_EQ(run_sharded(values, d, with, 2, wild_shards(rows, 2, 5)), reference)
                << name << ' ' << kernel_name(kernel);
        }
    }
}

TEST(SameBytes, with_and_without_a_look_in_coarse_numbers) {
    for (const auto& [name, values, d, options] : cases()) {
        const WholeResult reference = run_single(values, d, options);
        const auto rows = static_cast<std::int64_t>(values.size()) / d;
        for (const auto& arithmetic : coarse_arithmetic_here())
            for (const auto pruning : {Pruning::off, Pruning::on}) {
                KMeansOptions with = options;
                with.kernel = arithmetic.kernel;
                with.prefilter = arithmetic.choice;
                with.pruning = pruning;
                with.threads = 2;
                EXPECT_EQ(run_sharded(values, d, with, 3, wild_shards(rows, 3, 6)), reference)
                    << name << ' ' << kernel_name(arithmetic.kernel) << ' ' << format_name(arithmetic.format);
            }
    }
}

TEST(SameBytes, streamed_or_in_memory) {
    for (const auto& [name, values, d, options] : cases()) {
        const WholeResult reference = run_single(values, d, options);
        const auto rows = static_cast<std::int64_t>(values.size()) / d;
        for (const int ranks : {1, 3}) {
            KMeansOptions with = options;
            with.threads = ranks == 1 ? 2 : 1;
            EXPECT_EQ(run_sharded(values, d, with, ranks, wild_shards(rows, ranks, 8), {.streamed = true}), reference) << name;
        }
    }
}

TEST(SameBytes, another_seed_gives_another_start) {
    const auto values = blobs(6, 70, 7, 0.3, 21);
    KMeansOptions options;
    options.clusters = 6;
    options.seed = 1;
    const auto one = run_single(values, 7, options);
    options.seed = 2;
    EXPECT_NE(run_single(values, 7, options).inertias.front(), one.inertias.front());
}

// All arithmetic that this machine has.
std::vector<std::pair<Kernel, PrefilterChoice>> arithmetic_here() {
    std::vector<std::pair<Kernel, PrefilterChoice>> arithmetic;
    for (const Kernel kernel : {Kernel::scalar, Kernel::portable, Kernel::avx2, Kernel::avx512, Kernel::amx}) try {
            arithmetic.emplace_back(resolve_kernel(kernel), PrefilterChoice::off);
        } catch (const base::Error& error) {
            EXPECT_EQ(error.kind(), base::ErrorKind::environment);
        }
    for (const auto& [kernel, choice, format] : coarse_arithmetic_here()) arithmetic.emplace_back(kernel, choice);
    return arithmetic;
}

// Rows of six clouds, on unequal and empty shards, whose result is known from the slowest and plainest way.
class Combinations {
  public:
    Combinations(int per_group, std::int64_t d, std::int64_t clusters, Initialization initialization)
        : d_(d), rows_(6 * per_group), values_(blobs(6, per_group, d, 0.9, 27)) {
        options_.clusters = clusters;
        options_.initialization = initialization;
        if (initialization == Initialization::given)
            options_.initial_centroids.assign(values_.begin(), values_.begin() + clusters * d);
        options_.kernel = Kernel::scalar;
        options_.pruning = Pruning::off;
        options_.step_of_another = true;  // without a notice for each time that amx has nothing to do
        reference_ = run_single(values_, d_, options_);
    }

    void expect_same(int ranks, int threads, std::pair<Kernel, PrefilterChoice> arithmetic, Pruning pruning, bool streamed) {
        auto options = options_;
        options.threads = threads;
        options.kernel = arithmetic.first;
        options.prefilter = arithmetic.second;
        options.pruning = pruning;
        ASSERT_EQ(run_sharded(values_, d_, options, ranks, wild_shards(rows_, ranks, 10),
                              {.streamed = streamed, .effort = &effort_}),
                  reference_)
            << ranks << " ranks " << threads << " threads " << kernel_name(arithmetic.first) << " prefilter "
            << static_cast<int>(arithmetic.second) << " pruning " << static_cast<int>(pruning) << (streamed ? " streamed" : "");
    }
    const Effort& effort() const { return effort_; }

  private:
    std::int64_t d_, rows_;
    std::vector<float> values_;
    KMeansOptions options_;
    WholeResult reference_;
    Effort effort_;
};

// Everything that may be chosen, with everything else.
TEST(SameBytes, every_combination_gives_them) {
    Combinations small(60, 9, 7, Initialization::kmeans_parallel);
    for (const int ranks : {1, 2, 3, 4, 7})
        for (const int threads : {1, 2})
            for (const auto& arithmetic : arithmetic_here())
                for (const auto pruning : {Pruning::off, Pruning::on, Pruning::automatic})
                    for (const bool streamed : {false, true})
                        ASSERT_NO_FATAL_FAILURE(small.expect_same(ranks, threads, arithmetic, pruning, streamed));
    EXPECT_GT(small.effort().pruned, 0);
}

// As many centroids and dimensions as take more than one of a kernel's blocks and panels, with what is left over of each; and
// few centroids of more dimensions than a vector has numbers.
TEST(SameBytes, larger_shapes_give_them_too) {
    struct Shape {
        int per_group;
        std::int64_t d, clusters;
    };
    for (const auto& [per_group, d, k] : {Shape{61, 300, 70}, Shape{101, 20, 10}}) {
        SCOPED_TRACE(k);
        Combinations shape(per_group, d, k, Initialization::given);  // to draw centroids would take most of the time
        bool streamed = false;
        for (const int ranks : {1, 3})
            for (const auto& arithmetic : arithmetic_here()) {
                for (const auto pruning : {Pruning::off, Pruning::on})
                    ASSERT_NO_FATAL_FAILURE(shape.expect_same(ranks, ranks == 1 ? 2 : 1, arithmetic, pruning,
                                                              streamed == (pruning == Pruning::on)));
                streamed = !streamed;
            }
        EXPECT_GT(shape.effort().pruned, 0);
    }
}

// Rows whose numbers no int32 holds: of equal ones the lowest still moves into an empty cluster, and draws are the same
// however the rows are dealt out.
TEST(SameBytes, with_row_numbers_past_two_to_the_31) {
    const std::int64_t far = (std::int64_t{1} << 33) + 5, d = 3;
    const auto values = blobs(5, 40, d, 0.8, 26);
    const auto run = [&](const KMeansOptions& options, int ranks, std::int64_t first_row) {
        std::vector<float> centroids;
        parallel::run_thread_ranks(ranks, [&](parallel::Communicator& comm) {
            std::vector<RowBlock> blocks;
            for (const auto& shard : wild_shards(200, ranks, 9))
                if (shard.rank == comm.rank())
                    blocks.push_back({std::span(values).subspan(static_cast<std::size_t>(shard.first * d),
                                                                static_cast<std::size_t>(shard.count * d)),
                                      first_row + shard.first,
                                      {}});
            const auto result = kmeans(comm, blocks, d, options);
            if (comm.rank() == 0) centroids = result.centroids;
        });
        return centroids;
    };
    KMeansOptions options;
    options.clusters = 5;
    EXPECT_EQ(run(options, 3, far), run(options, 1, far));
    options.initialization = Initialization::given;
    options.initial_centroids = std::vector<float>(values.begin(), values.begin() + 12);
    options.initial_centroids.insert(options.initial_centroids.end(), 3, 100.0f);  // empty at first
    EXPECT_EQ(run(options, 3, far), run(options, 1, 0));
}

TEST(SameBytes, ids_decide_and_not_positions) {
    // The same rows under explicit ids, stored in another order, give each row the same label.
    const auto values = blobs(5, 40, 3, 0.8, 25);
    KMeansOptions options;
    options.clusters = 5;
    const auto reference = run_single(values, 3, options);
    std::vector<std::int64_t> ids(200);
    std::iota(ids.begin(), ids.end(), 0);
    std::shuffle(ids.begin(), ids.end(), std::mt19937(1));
    std::vector<float> shuffled;
    for (const auto id : ids) shuffled.insert(shuffled.end(), values.begin() + id * 3, values.begin() + id * 3 + 3);
    parallel::run_thread_ranks(1, [&](parallel::Communicator& comm) {
        const RowBlock block{shuffled, 0, ids};
        const auto result = kmeans(comm, std::span(&block, 1), 3, options);
        EXPECT_EQ(result.centroids, reference.centroids);
        for (std::size_t i = 0; i < ids.size(); ++i)
            EXPECT_EQ(result.assignment.labels[i], reference.labels[static_cast<std::size_t>(ids[i])]);
    });
}

}  // namespace
}  // namespace kohort::cluster
