#include "encode/encode.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cmath>
#include <map>
#include <mutex>
#include <set>

#include "base/atomic_file.h"
#include "base/stop_signal.h"
#include "parallel/thread_communicator.h"
#include "small_encoder.h"
#include "store/partition_file.h"

namespace kohort::encode {
namespace {

constexpr std::int32_t partitions = 10;

class EncodeUsers : public testing::Test {
  protected:
    void SetUp() override {
        const auto* test = testing::UnitTest::GetInstance()->current_test_info();
        root_ = std::filesystem::path(testing::TempDir()) / (std::string("encode_") + test->name() + "_" + std::to_string(::getpid()));
        std::filesystem::remove_all(root_);
        std::filesystem::create_directories(root_);
    }
    void TearDown() override {
        base::clear_stop_request();
        std::filesystem::remove_all(root_);
    }

    // A run's folder with the small corpus in it.
    std::filesystem::path make_run(const std::string& name) {
        const auto comm = parallel::make_single_communicator();
        const store::RunFolder run(*comm, root_ / name, store::OpenMode::create);
        write_small_corpus(run.path(), partitions);
        return run.path();
    }

    EncodeReport encode(const std::filesystem::path& path, int ranks, EncodeOptions options = small_options()) {
        EncodeReport report;
        parallel::run_thread_ranks(ranks, [&](parallel::Communicator& comm) {
            store::RunFolder run(comm, path, store::OpenMode::resume);
            store::StageKey key("embedding");
            add_to_key(key, options);
            store::Stage stage(comm, run, key, {"embedding"});
            const auto mine = encode_users(comm, run, stage, key, bert_, *tokenizer_, options);
            stage.finish();
            if (comm.is_root()) report = mine;
        });
        return report;
    }

    static EncodeOptions small_options() {
        EncodeOptions options;
        options.texts.max_tokens = 12;
        options.texts.batch_tokens = 60;  // several batches in a partition
        return options;
    }

    static std::map<std::string, std::string> files_of(const std::filesystem::path& run) {
        std::map<std::string, std::string> files;
        for (const auto& entry : std::filesystem::directory_iterator(run / "embedding"))
            files[entry.path().filename()] = base::read_file(entry.path());
        return files;
    }

    std::filesystem::path root_;
    model::Bert bert_ = small_bert();
    std::unique_ptr<text::Tokenizer> tokenizer_ = small_tokenizer();
};

TEST_F(EncodeUsers, files_are_the_same_bytes_at_any_ranks_and_threads) {
    std::map<std::string, std::string> first;
    for (const int ranks : {1, 2, 3, 5})
        for (const int threads : {1, 2, 4}) {
            const auto run = make_run(std::to_string(ranks) + "x" + std::to_string(threads));
            auto options = small_options();
            options.threads = threads;
            encode(run, ranks, options);
            const auto files = files_of(run);
            ASSERT_EQ(files.size(), std::size_t{partitions});
            if (first.empty()) first = files;
            EXPECT_TRUE(files == first) << ranks << " ranks of " << threads << " threads";
        }
}

// The definition, event by event: every text alone through the model, no batches, no reuse.
TEST_F(EncodeUsers, vectors_are_what_the_definition_gives) {
    for (const bool normalize : {true, false}) {
        const auto run = make_run(normalize ? "unit" : "mean");
        auto options = small_options();
        options.normalize = normalize;
        const auto report = encode(run, 2, options);
        const torch::NoGradGuard no_gradients;
        std::int64_t users = 0, without_text = 0;
        for (std::int32_t p = 0; p < partitions; ++p) {
            const auto partition = corpus::read_partition(run, p);
            const store::PartitionReader file(run / embedding_path(p));
            ASSERT_EQ(file.shape("/obsm/embedding"), (std::vector<std::int64_t>{static_cast<std::int64_t>(partition.users.size()), 32}));
            const auto rows = file.read<float>("/obsm/embedding");
            for (std::size_t u = 0; u < partition.users.size(); ++u) {
                auto sum = torch::zeros({32}, torch::kDouble);
                std::set<std::string> seen;
                for (const auto& event : partition.users[u].events) {
                    const auto ids = tokenizer_->encode_for_model(event.text, 12);
                    if (ids.size() <= 2 || !seen.insert(event.text).second) continue;
                    const auto pooled = bert_.forward(model::make_batch({ids}, 0))[0].to(torch::kDouble).mean(0);
                    sum += pooled / pooled.norm();
                }
                ++users;
                without_text += seen.empty();
                if (!seen.empty()) sum /= normalize ? sum.norm() : torch::tensor(static_cast<double>(seen.size()));
                for (std::int64_t j = 0; j < 32; ++j)
                    ASSERT_NEAR(rows[u * 32 + static_cast<std::size_t>(j)], sum[j].item<double>(), 2e-5) << p << ' ' << u;
            }
        }
        EXPECT_GT(without_text, 0);
        EXPECT_EQ(report.users, users);
        EXPECT_EQ(report.users_without_text, without_text);
        EXPECT_EQ(report.partitions, partitions);
        EXPECT_EQ(report.dimension, 32);
        EXPECT_GT(report.tokens, report.texts);
        EXPECT_THAT(report.summary, testing::HasSubstr("without text"));
    }
}

TEST_F(EncodeUsers, a_resumed_run_keeps_finished_partitions_untouched) {
    const auto run = make_run("run");
    const auto whole = encode(run, 2);
    const auto before = files_of(run);
    const auto inode_of = [&](std::int32_t p) {
        struct stat status {};
        EXPECT_EQ(::stat((run / embedding_path(p)).c_str(), &status), 0);
        return status.st_ino;
    };
    std::map<std::int32_t, ino_t> inodes;
    for (std::int32_t p = 0; p < partitions; ++p) inodes[p] = inode_of(p);
    for (const std::int32_t lost : {3, 7}) std::filesystem::remove(run / embedding_path(lost));

    std::mutex mutex;
    std::set<std::int32_t> written;
    auto options = small_options();
    options.partition_written = [&](std::int32_t partition, double) {
        std::lock_guard lock(mutex);
        written.insert(partition);
    };
    const auto report = encode(run, 3, options);
    EXPECT_EQ(written, (std::set<std::int32_t>{3, 7}));
    EXPECT_TRUE(files_of(run) == before);
    for (std::int32_t p = 0; p < partitions; ++p)
        EXPECT_TRUE(p == 3 || p == 7 || inode_of(p) == inodes[p]) << p;
    EXPECT_EQ(report.partitions_reused, partitions - 2);
    EXPECT_EQ(report.tokens, whole.tokens);
}

// What post-processing and storage do is looked at in transform_fit_test.cpp, vector_transform_test.cpp and by numpy in
// tests/e2e/vectors_test.sh; here, how they go through the stage.
TEST_F(EncodeUsers, post_processed_files_are_the_same_bytes_at_any_ranks_and_threads) {
    for (const auto storage : {Storage::float32, Storage::float16}) {
        std::map<std::string, std::string> first;
        for (const int ranks : {1, 2, 3, 5}) {
            const auto run = make_run(std::string(name_of(storage)) + std::to_string(ranks));
            auto options = small_options();
            options.threads = 1 + ranks % 2;
            options.post_processing.kind = PostProcess::whiten;
            options.post_processing.dimensions = 6;
            options.storage = storage;
            const auto report = encode(run, ranks, options);
            EXPECT_EQ(report.dimension, 6);
            const auto files = files_of(run);
            ASSERT_EQ(files.size(), std::size_t{partitions} + 1);
            EXPECT_TRUE(files.contains("transform.h5"));
            EXPECT_FALSE(std::filesystem::exists(run / "checkpoint" / "encode"));
            if (first.empty()) first = files;
            EXPECT_TRUE(files == first) << ranks << " ranks";
        }
    }
}

// Where a run can end: before the transform is there, with a part of the vectors written, and with all of them.
TEST_F(EncodeUsers, a_post_processed_run_goes_on_from_wherever_it_ended) {
    auto options = small_options();
    options.post_processing.kind = PostProcess::center;
    const auto whole = make_run("whole");
    const auto report = encode(whole, 2, options);
    const auto expected = files_of(whole);

    const auto stopped = make_run("stopped");
    auto stopping = options;
    int written = 0;
    stopping.partition_written = [&](std::int32_t, double) {
        if (++written == 4) base::request_stop();
    };
    EXPECT_THROW(encode(stopped, 1, stopping), base::Error);
    base::clear_stop_request();
    EXPECT_FALSE(std::filesystem::exists(stopped / transform_path));
    std::mutex mutex;
    int encoded = 0;
    auto counting = options;
    counting.partition_written = [&](std::int32_t, double) {
        std::lock_guard lock(mutex);
        ++encoded;
    };
    encode(stopped, 3, counting);
    EXPECT_EQ(encoded, partitions - 4);
    EXPECT_TRUE(files_of(stopped) == expected);

    for (const std::int32_t lost : {2, 6}) std::filesystem::remove(whole / embedding_path(lost));
    encoded = 0;
    const auto again = encode(whole, 3, counting);
    EXPECT_EQ(encoded, 2);
    EXPECT_EQ(again.partitions_reused, partitions - 2);
    EXPECT_EQ(again.tokens, report.tokens);
    EXPECT_TRUE(files_of(whole) == expected);
}

TEST_F(EncodeUsers, a_saved_transform_gives_the_vectors_of_the_run_that_fitted_it) {
    auto options = small_options();
    options.post_processing.kind = PostProcess::whiten;
    options.post_processing.dimensions = 5;
    const auto fitted = make_run("fitted"), given = make_run("given");
    encode(fitted, 2, options);
    options.post_processing = {PostProcess::file, 0, fitted / transform_path, "sha"};
    EXPECT_EQ(encode(given, 3, options).dimension, 5);
    for (std::int32_t p = 0; p < partitions; ++p)
        EXPECT_EQ(store::PartitionReader(given / embedding_path(p)).read<float>("/obsm/embedding"),
                  store::PartitionReader(fitted / embedding_path(p)).read<float>("/obsm/embedding"));
    EXPECT_EQ(read_transform(given / transform_path).components, read_transform(fitted / transform_path).components);
}

TEST_F(EncodeUsers, more_components_than_dimensions_and_another_models_transform_are_refused) {
    auto options = small_options();
    const auto run = make_run("run");
    options.post_processing = {PostProcess::whiten, 33, {}, {}};
    EXPECT_THROW(encode(run, 2, options), base::Error);
    write_transform(root_ / "other.h5", "embedding", "key", {{1, 2, 3}, {}, {}, 10});
    options.post_processing = {PostProcess::file, 0, root_ / "other.h5", "sha"};
    EXPECT_THROW(encode(make_run("other"), 2, options), base::Error);
}

TEST_F(EncodeUsers, a_number_that_is_too_large_for_float16_is_refused) {
    auto options = small_options();
    options.storage = Storage::float16;
    options.normalize = false;
    VectorTransform large{std::vector<double>(32), std::vector<double>(32 * 2), {1, 1}, 10};
    large.components[0] = 1e9;
    write_transform(root_ / "large.h5", "embedding", "key", large);
    options.post_processing = {PostProcess::file, 0, root_ / "large.h5", "sha"};
    try {
        encode(make_run("run"), 1, options);
        FAIL() << "no error";
    } catch (const base::Error& error) {
        EXPECT_EQ(error.exit_code(), 2);
        EXPECT_THAT(error.what(), testing::HasSubstr("--storage float32"));
    }
}

TEST_F(EncodeUsers, another_option_on_resume_is_refused) {
    const auto run = make_run("run");
    encode(run, 1);
    auto options = small_options();
    options.texts.pooling = Pooling::cls;
    try {
        encode(run, 1, options);
        FAIL() << "no error";
    } catch (const base::Error& error) {
        EXPECT_EQ(error.exit_code(), 2);
        EXPECT_THAT(error.what(), testing::HasSubstr("pooling"));
    }
}

TEST_F(EncodeUsers, a_stop_request_ends_it_with_code_75_and_leaves_no_temporary_file) {
    const auto run = make_run("run");
    auto options = small_options();
    options.partition_written = [](std::int32_t, double) { base::request_stop(); };
    try {
        encode(run, 2, options);
        FAIL() << "no error";
    } catch (const base::Error& error) {
        EXPECT_EQ(error.exit_code(), 75);
    }
    base::clear_stop_request();
    for (const auto& entry : std::filesystem::directory_iterator(run / "embedding"))
        EXPECT_EQ(entry.path().extension(), ".h5") << entry.path();
    const auto report = encode(run, 1);
    EXPECT_GE(report.partitions_reused, 1);
    EXPECT_EQ(report.partitions, partitions);
}

}  // namespace
}  // namespace kohort::encode
