#include <sys/stat.h>

#include "small_run.h"
#include "store_fixture.h"

namespace kohort::store {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

class Verify : public StoreTest, public testing::WithParamInterface<int> {
  protected:
    void SetUp() override {
        StoreTest::SetUp();
        run_.path = folder_ / "run";
        run_.make(2, OpenMode::create);
    }
    std::vector<std::string> problems() { return verify_at(GetParam(), run_.path).problems; }
    std::filesystem::path file(const std::string& name) { return run_.path / name; }

    SmallRun run_;
};

TEST_P(Verify, a_sound_run_has_no_problems_and_one_digest_a_stage) {
    const auto result = verify_at(GetParam(), run_.path);
    EXPECT_THAT(result.problems, IsEmpty());
    ASSERT_EQ(result.stages.size(), 3u);
    EXPECT_EQ(result.stages[0].stage, "corpus");
    EXPECT_EQ(result.stages[1].stage, "segment");
    EXPECT_EQ(result.stages[2].files, 2);
    EXPECT_EQ(result.stages[1].digest, base::sha256_file(file("checksum/segment.sha256")));
    std::int64_t bytes = 0;
    for (const auto& entry : std::filesystem::directory_iterator(file("corpus")))
        bytes += static_cast<std::int64_t>(entry.file_size());
    EXPECT_EQ(result.stages[0].bytes, bytes);
    EXPECT_EQ(result.total,
              base::sha256_hex("corpus " + result.stages[0].digest + "\nreport " + result.stages[2].digest +
                               "\nsegment " + result.stages[1].digest + "\n"));
}

TEST_P(Verify, a_flipped_byte_in_any_covered_file_names_the_file) {
    const auto total = verify_at(1, run_.path).total;
    for (const std::string name :
         {"corpus/part-00003.h5", "segment/part-00005.h5", "segments.csv", "report.html"}) {
        const auto size = static_cast<std::int64_t>(std::filesystem::file_size(file(name)));
        for (const auto offset : {std::int64_t{0}, size / 2, size - 1}) {
            flip_byte(file(name), offset);
            const auto result = verify_at(GetParam(), run_.path);
            EXPECT_THAT(result.problems, ElementsAre(name + ": content has changed")) << offset;
            EXPECT_NE(result.total, total);
            flip_byte(file(name), offset);
        }
    }
    EXPECT_EQ(verify_at(GetParam(), run_.path).total, total);
}

TEST_P(Verify, missing_and_surplus_files_are_problems) {
    std::filesystem::remove(file("corpus/part-00001.h5"));
    std::filesystem::remove(file("report.html"));
    std::filesystem::create_directories(file("model/deep"));
    for (const std::string name :
         {"segment/part-00099.h5", "model/deep/extra.json", "other.csv", "kohort.h5", "corpus/.part.h5.tmp"})
        base::write_file_atomically(file(name), "x");
    EXPECT_THAT(problems(),
                ElementsAre("corpus/.part.h5.tmp: in no stage's list", "corpus/part-00001.h5: missing",
                            "kohort.h5: in no stage's list", "model/deep/extra.json: in no stage's list",
                            "other.csv: in no stage's list", "report.html: missing",
                            "segment/part-00099.h5: in no stage's list"));
}

TEST_P(Verify, what_may_differ_between_equal_runs_is_left_out) {
    const auto total = verify_at(1, run_.path).total;
    for (const std::string folder : {"log", "trace", "checkpoint"})
        std::filesystem::create_directories(file(folder));
    for (const std::string name :
         {"log/kohort.log", "trace/rank-0.json", "checkpoint/step.bin", "metrics.jsonl", "notes.txt"})
        base::write_file_atomically(file(name), "x");
    parallel::run_thread_ranks(1, [&](parallel::Communicator& comm) {
        RunFolder(comm, run_.path, OpenMode::resume).describe("started", "now");
    });
    EXPECT_THAT(problems(), IsEmpty());
    EXPECT_EQ(verify_at(GetParam(), run_.path).total, total);
}

TEST_P(Verify, a_changed_or_lost_list_is_a_problem) {
    flip_byte(file("checksum/corpus.sha256"), 3);
    std::filesystem::remove(file("checksum/report.sha256"));
    const auto found = problems();
    EXPECT_THAT(found, Contains("checksum/corpus.sha256: content has changed"));
    EXPECT_THAT(found, Contains(testing::StartsWith("checksum/report.sha256: ")));
    EXPECT_THAT(found, Contains("report.html: in no stage's list"));
}

TEST_P(Verify, a_stage_that_is_not_complete_is_a_problem_and_its_files_are_not) {
    SmallRun crashed{folder_ / "crashed"};
    crashed.files_before_crash = 2;
    crashed.make(2, OpenMode::create);
    EXPECT_THAT(verify_at(GetParam(), crashed.path).problems, ElementsAre("stage segment: not complete"));
}

TEST_P(Verify, a_folder_that_is_no_run_is_input_refused) {
    EXPECT_EQ(error_of([&] { verify_at(GetParam(), folder_); }).first, 3);
}

INSTANTIATE_TEST_SUITE_P(Ranks, Verify, testing::Values(1, 2, 3, 5));

}  // namespace
}  // namespace kohort::store
