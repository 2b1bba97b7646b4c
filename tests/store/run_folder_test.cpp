#include "store/run_folder.h"

#include <sys/stat.h>

#include <map>

#include "small_run.h"
#include "store_fixture.h"

namespace kohort::store {
namespace {

using parallel::Communicator;
using parallel::run_thread_ranks;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class RunFolders : public StoreTest {};
class RunFoldersOfRanks : public StoreTest, public testing::WithParamInterface<int> {};

std::map<std::string, ino_t> inodes(const std::filesystem::path& folder) {
    std::map<std::string, ino_t> found;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
        struct stat status {};
        if (entry.is_regular_file() && ::stat(entry.path().c_str(), &status) == 0)
            found[entry.path().lexically_relative(folder)] = status.st_ino;
    }
    return found;
}

std::pair<int, std::string> open_error(const std::filesystem::path& path, OpenMode mode, int ranks = 1) {
    return error_of(
        [&] { run_thread_ranks(ranks, [&](Communicator& comm) { RunFolder run(comm, path, mode); }); });
}

TEST_P(RunFoldersOfRanks, a_run_is_the_same_at_any_rank_count) {
    SmallRun alone{folder_ / "alone"}, together{folder_ / "together"};
    alone.make(1, OpenMode::create);
    together.make(GetParam(), OpenMode::create);
    const auto expected = verify_at(1, alone.path), got = verify_at(GetParam(), together.path);
    EXPECT_THAT(got.problems, IsEmpty());
    EXPECT_EQ(got.total, expected.total);
    for (const auto* stage : {"corpus", "segment", "report"})
        EXPECT_EQ(base::read_file(alone.path / "checksum" / (std::string(stage) + ".sha256")),
                  base::read_file(together.path / "checksum" / (std::string(stage) + ".sha256")));
}

TEST_P(RunFoldersOfRanks, a_crash_and_resume_on_other_ranks_keeps_finished_files_and_gives_the_same_digest) {
    SmallRun whole{folder_ / "whole"}, crashed{folder_ / "crashed"};
    whole.make(1, OpenMode::create);
    crashed.files_before_crash = 3;
    crashed.make(GetParam(), OpenMode::create);
    base::write_file_atomically(crashed.path / "segment" / ".part-00001.h5.tmp", "half a file");
    const auto before = inodes(crashed.path / "segment");
    EXPECT_EQ(before.size(), 4u);

    crashed.files_before_crash = 1 << 20;
    crashed.make(GetParam() % 3 + 1, OpenMode::resume);
    const auto after = inodes(crashed.path);
    EXPECT_FALSE(std::filesystem::exists(crashed.path / "segment" / ".part-00001.h5.tmp"));
    for (const auto& [name, inode] : before) {
        if (name.ends_with(".h5")) {
            EXPECT_EQ(after.at("segment/" + name), inode) << name;
        }
    }
    EXPECT_EQ(verify_at(2, crashed.path).total, verify_at(1, whole.path).total);

    const auto complete = inodes(crashed.path);
    crashed.make(GetParam(), OpenMode::resume);
    EXPECT_EQ(inodes(crashed.path), complete);  // nothing at all is written again, run.json included
}

INSTANTIATE_TEST_SUITE_P(Sizes, RunFoldersOfRanks, testing::Values(1, 2, 3, 5));

TEST_F(RunFolders, a_folder_that_is_not_empty_is_refused_with_both_ways_out) {
    base::write_file_atomically(folder_ / "mine.txt", "x");
    for (const int ranks : {1, 3}) {
        const auto [code, message] = open_error(folder_, OpenMode::create, ranks);
        EXPECT_EQ(code, 2);
        EXPECT_THAT(message, AllOf(HasSubstr("--resume"), HasSubstr("--out"), HasSubstr(folder_.string())));
    }
    EXPECT_EQ(open_error(folder_, OpenMode::resume).first, 2);  // nor is a stranger's folder resumed
    EXPECT_EQ(open_error(folder_ / "mine.txt", OpenMode::create).first, 2);
    EXPECT_EQ(base::read_file(folder_ / "mine.txt"), "x");
}

TEST_F(RunFolders, reading_needs_a_run) {
    EXPECT_EQ(open_error(folder_ / "nowhere", OpenMode::read).first, 3);
    EXPECT_EQ(open_error(folder_, OpenMode::read).first, 3);
    SmallRun small{folder_ / "run"};
    small.make(2, OpenMode::create);
    const auto before = inodes(small.path);
    EXPECT_EQ(open_error(small.path, OpenMode::read, 3).first, 0);
    EXPECT_EQ(inodes(small.path), before);
}

TEST_F(RunFolders, a_folder_begun_by_a_killed_run_is_resumed) {
    std::filesystem::create_directories(folder_ / "run" / "log");
    base::write_file_atomically(folder_ / "run" / ".run.json.tmp", "{");
    SmallRun small{folder_ / "run"};
    small.make(2, OpenMode::resume);
    EXPECT_THAT(verify_at(1, small.path).problems, IsEmpty());
    EXPECT_FALSE(std::filesystem::exists(folder_ / "run" / ".run.json.tmp"));
}

TEST_F(RunFolders, ranks_that_see_different_folders_are_told_so) {
    const auto [code, message] = error_of([&] {
        run_thread_ranks(3, [&](Communicator& comm) {
            RunFolder run(comm, folder_ / (comm.rank() == 2 ? "other" : "run"), OpenMode::create);
        });
    });
    EXPECT_EQ(code, 4);
    EXPECT_THAT(message, AllOf(HasSubstr("rank 2"), HasSubstr("share")));
    EXPECT_THAT(inodes(folder_), IsEmpty());  // the probe is gone too
}

TEST_F(RunFolders, two_jobs_in_one_folder_are_kept_apart) {
    SmallRun small{folder_ / "run"};
    small.make(2, OpenMode::create);
    run_thread_ranks(1, [&](Communicator& comm) {
        RunFolder first(comm, small.path, OpenMode::resume);
        const auto [code, message] = open_error(small.path, OpenMode::resume);
        EXPECT_EQ(code, 4);
        EXPECT_THAT(message, HasSubstr("another job"));
        EXPECT_EQ(open_error(small.path, OpenMode::read).first, 0);
    });
    EXPECT_EQ(open_error(small.path, OpenMode::resume).first, 0);
}

TEST_F(RunFolders, another_option_on_resume_is_usage_and_the_difference_is_named) {
    SmallRun small{folder_ / "run"};
    small.make(2, OpenMode::create);
    for (const bool complete : {true, false}) {
        if (!complete) std::filesystem::remove(small.path / "segment" / partition_file_name(1));
        SmallRun other{small.path};
        other.clusters = "12";
        for (const int ranks : {1, 3}) {
            const auto [code, message] = error_of([&] { other.make(ranks, OpenMode::resume); });
            EXPECT_EQ(code, 2);
            EXPECT_THAT(message, HasSubstr("--clusters was 10, is 12"));
        }
    }
}

// A refused input must not bind the folder: nothing was made of it.
TEST_F(RunFolders, a_stage_that_holds_no_file_yet_takes_another_input) {
    const auto path = folder_ / "run";
    const auto begin = [&](const std::string& input, bool writes) {
        run_thread_ranks(2, [&](Communicator& comm) {
            RunFolder run(comm, path, OpenMode::resume);
            StageKey key("segment");
            key.add("input", input);
            Stage stage(comm, run, key, {"segment"});
            if (writes && comm.is_root()) base::write_file_atomically(path / "segment" / "part-00001.h5", "x");
            comm.start_barrier().wait();
        });
    };
    begin("broken", false);
    begin("mended", true);
    EXPECT_EQ(error_of([&] { begin("another", false); }).first, 2);
    begin("mended", false);
}

TEST_F(RunFolders, an_input_of_an_earlier_stage_is_named_with_its_stage) {
    SmallRun small{folder_ / "run"};
    small.make(1, OpenMode::create);
    const auto key =
        StageKey("segment")
            .add_stage(StageKey("corpus").add("format", std::int64_t{1}).add("--input", "b.csv 99"))
            .add("--clusters", "10")
            .add("--seed", std::int64_t{1});
    const auto [code, message] = error_of([&] {
        run_thread_ranks(2, [&](Communicator& comm) {
            RunFolder run(comm, small.path, OpenMode::resume);
            Stage stage(comm, run, key, {"segment"});
        });
    });
    EXPECT_EQ(code, 2);
    EXPECT_THAT(message, HasSubstr("corpus: --input was a.csv 4711, is b.csv 99"));
}

TEST_F(RunFolders, a_damaged_file_of_a_complete_stage_is_refused_and_made_again_once_removed) {
    SmallRun small{folder_ / "run"};
    small.make(2, OpenMode::create);
    const auto digest = verify_at(1, small.path).total;
    const auto damaged = small.path / "segment" / partition_file_name(5);
    flip_byte(damaged, static_cast<std::int64_t>(std::filesystem::file_size(damaged)) / 2);
    for (const int ranks : {1, 2, 3, 5}) {
        const auto [code, message] = error_of([&] { small.make(ranks, OpenMode::resume); });
        EXPECT_EQ(code, 4);
        EXPECT_THAT(message, AllOf(HasSubstr("segment/part-00005.h5"), HasSubstr("remove")));
    }
    std::filesystem::remove(damaged);
    const auto before = inodes(small.path / "segment");
    small.make(3, OpenMode::resume);
    auto after = inodes(small.path / "segment");
    after.erase(partition_file_name(5));
    EXPECT_EQ(after, before);
    EXPECT_EQ(small.written, 1);
    EXPECT_THAT(verify_at(2, small.path).problems, IsEmpty());
    EXPECT_EQ(verify_at(2, small.path).total, digest);
}

TEST_F(RunFolders, a_lost_or_damaged_list_is_made_again_or_refused) {
    SmallRun small{folder_ / "run"};
    small.make(2, OpenMode::create);
    const auto digest = verify_at(1, small.path).total;
    const auto list = small.path / "checksum" / "segment.sha256";
    flip_byte(list, 70);
    const auto [code, message] = error_of([&] { small.make(2, OpenMode::resume); });
    EXPECT_EQ(code, 4);
    EXPECT_THAT(message, HasSubstr(list.string()));
    std::filesystem::remove(list);
    small.make(2, OpenMode::resume);
    EXPECT_EQ(small.written, 0);
    EXPECT_EQ(verify_at(1, small.path).total, digest);
}

TEST_F(RunFolders, a_stage_made_again_with_other_bytes_is_not_passed_off_as_the_same) {
    SmallRun small{folder_ / "run"};
    small.make(1, OpenMode::create);
    std::filesystem::remove(small.path / "report.html");
    const auto [code, message] = error_of([&] {
        run_thread_ranks(2, [&](Communicator& comm) {
            RunFolder run(comm, small.path, OpenMode::resume);
            Stage stage(comm, run, StageKey("report").add_stage(small.segment_key()), {"."});
            EXPECT_FALSE(stage.complete());
            EXPECT_FALSE(stage.reusable("report.html"));
            if (comm.is_root()) {
                EXPECT_TRUE(stage.reusable("segments.csv"));
                stage.add("report.html", base::sha256_hex("something else"));
            }
            stage.finish();
        });
    });
    EXPECT_EQ(code, 5);
    EXPECT_THAT(message, HasSubstr("stage report"));
}

TEST_F(RunFolders, only_sound_files_of_this_key_are_reused) {
    SmallRun small{folder_ / "run"};
    const auto key = small.segment_key();
    run_thread_ranks(1, [&](Communicator& comm) {
        RunFolder run(comm, small.path, OpenMode::create);
        Stage stage(comm, run, key, {"segment"});
        const auto sound = small.path / "segment" / partition_file_name(4),
                   damaged = small.path / "segment" / partition_file_name(5),
                   foreign = small.path / "segment" / partition_file_name(2),
                   text = small.path / "segment" / "notes.txt";
        const auto sha256 = small.write_segment(sound, 4);
        small.write_segment(damaged, 5);
        std::filesystem::resize_file(damaged, std::filesystem::file_size(damaged) - 1);
        small.write_corpus(foreign, 2);
        base::write_file_atomically(text, "x");

        EXPECT_TRUE(stage.reusable("segment/part-00004.h5"));
        EXPECT_EQ(stage.reused(), 1);
        EXPECT_FALSE(stage.reusable("segment/part-00005.h5"));
        EXPECT_FALSE(stage.reusable("segment/part-00006.h5"));
        EXPECT_FALSE(stage.reusable("segment/notes.txt"));
        const auto [code, message] = error_of([&] { stage.reusable("segment/part-00002.h5"); });
        EXPECT_EQ(code, 2);
        EXPECT_THAT(message, HasSubstr(foreign.string()));
        stage.finish();
        EXPECT_EQ(base::read_file(small.path / "checksum" / "segment.sha256"),
                  sha256 + "  segment/part-00004.h5\n");
    });
}

TEST_F(RunFolders, lists_are_checked_by_sha256sum) {
    SmallRun small{folder_ / "run"};
    small.make(3, OpenMode::create);
    const auto result =
        run_command("cd '" + small.path.string() + "' && sha256sum --strict -c checksum/*.sha256");
    EXPECT_EQ(result.exit_code, 0) << result.output;
    EXPECT_EQ(std::count(result.output.begin(), result.output.end(), '\n'), 2 * small.partitions + 2);
}

TEST_F(RunFolders, a_stage_without_files_and_ranks_without_files_are_stages) {
    for (const int ranks : {1, 3, 5}) {
        const auto path = folder_ / std::to_string(ranks);
        for (const auto mode : {OpenMode::create, OpenMode::resume}) {
            run_thread_ranks(ranks, [&](Communicator& comm) {
                RunFolder run(comm, path, mode);
                EXPECT_EQ(run.resuming(), mode == OpenMode::resume);
                Stage stage(comm, run, StageKey("empty"), {"embedding"});
                EXPECT_EQ(stage.complete(), mode == OpenMode::resume);
                if (!stage.complete()) stage.finish();
            });
        }
        EXPECT_THAT(verify_at(ranks, path).problems, IsEmpty());
    }
}

TEST_F(RunFolders, paths_that_leave_the_run_are_refused) {
    run_thread_ranks(1, [&](Communicator& comm) {
        RunFolder run(comm, folder_ / "run", OpenMode::create);
        Stage stage(comm, run, StageKey("s"), {"corpus"});
        for (const std::string path :
             {"", "/etc/passwd", "../x", "corpus/../../x", "corpus//x", "a\nb", "./x"})
            EXPECT_EQ(error_of([&] { stage.add(path, std::string(64, '0')); }).first, 5) << path;
    });
}

TEST_F(RunFolders, descriptions_and_keys_are_read_back) {
    SmallRun small{folder_ / "run"};
    small.make(2, OpenMode::create);
    run_thread_ranks(2, [&](Communicator& comm) {
        RunFolder run(comm, small.path, OpenMode::resume);
        EXPECT_EQ(run.description("command"), "kohort test");
        EXPECT_EQ(run.description("nothing"), std::nullopt);
        ASSERT_TRUE(run.recorded_key("segment").has_value());
        EXPECT_EQ(run.recorded_key("segment")->hash(), small.segment_key().hash());
        EXPECT_FALSE(run.recorded_key("encode").has_value());
        run.describe("command", "again \xff");  // no UTF-8: shown as well as it goes
    });
    EXPECT_THAT(base::read_file(small.path / "run.json"), HasSubstr("again \uFFFD"));
}

TEST_F(RunFolders, a_damaged_or_newer_manifest_is_refused) {
    SmallRun small{folder_ / "run"};
    small.make(2, OpenMode::create);
    const auto path = small.path / "run.json";
    const auto whole = base::read_file(path);
    for (const auto& text :
         {std::string(), whole.substr(0, whole.size() / 2), std::string("{}"), std::string("[1]"),
          std::string(R"({"kohort_format": 1, "about": {}, "stages": [{}]})")}) {
        base::write_file_atomically(path, text);
        for (const auto mode : {OpenMode::resume, OpenMode::read}) {
            const auto [code, message] = open_error(small.path, mode, 2);
            EXPECT_EQ(code, 4) << text;
            EXPECT_THAT(message, HasSubstr(path.string()));
        }
    }
    base::write_file_atomically(path, R"({"kohort_format": 2, "stages": "told otherwise"})");
    EXPECT_EQ(open_error(small.path, OpenMode::resume).first, 2);
    EXPECT_EQ(error_of([&] { verify_at(2, small.path); }).first, 2);
}

TEST(StageKeys, depend_on_every_name_value_and_order) {
    const auto base_key = StageKey("s").add("a", "1").add("b", "2").hash();
    EXPECT_EQ(StageKey("s").add("a", "1").add("b", std::int64_t{2}).hash(), base_key);
    EXPECT_NE(StageKey("t").add("a", "1").add("b", "2").hash(), base_key);
    EXPECT_NE(StageKey("s").add("a", "1").add("b", "3").hash(), base_key);
    EXPECT_NE(StageKey("s").add("b", "2").add("a", "1").hash(), base_key);
    EXPECT_NE(StageKey("s").add("a", "1b").add("", "2").hash(), base_key);
    EXPECT_NE(StageKey("s").add("a", 0.1).hash(), StageKey("s").add("a", 0.1 + 1e-17 + 1e-16).hash());
    EXPECT_EQ(error_of([] { StageKey("s").add("a", "1").add("a", "2"); }).first, 5);
    const auto first = StageKey("one").add("x", "1"), second = StageKey("two").add("y", "2").add_stage(first);
    auto third = StageKey("three").add_stage(first).add_stage(second);
    EXPECT_THAT(third.add("z", "9").inputs(),
                ElementsAre(std::pair("one: x", "1"), std::pair("two: y", "2"), std::pair("z", "9")));
}

}  // namespace
}  // namespace kohort::store
