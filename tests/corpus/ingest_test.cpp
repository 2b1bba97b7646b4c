#include "corpus/ingest.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>
#include <random>
#include <regex>
#include <set>

#include "base/error.h"
#include "base/hash.h"
#include "corpus/cleaner.h"
#include "corpus/csv_reader.h"
#include "corpus/ingest_runner.h"
#include "corpus/naive_csv.h"

namespace kohort::corpus {
namespace {

using base::ErrorKind;
using testing::HasSubstr;

// A log with everything in it: quotes, line breaks in fields, duplicates, equal times, several languages.
std::string random_log(int events, unsigned seed) {
    std::mt19937 random(seed);
    const std::vector<std::string> texts = {"plain", "with, comma", "with \"quotes\"", "two\nlines", "中文 文本", "ＷＩＤＥ",
                                            "", "  spaces  ", "caf\u00e9", "line\r\nbreak"};
    const std::vector<std::string> behaviors = {"pv", "buy", "search"};
    std::string log = "user_id,item_id,behavior,timestamp,text\n";
    for (int i = 0; i < events; ++i) {
        const auto user = "user" + std::to_string(random() % 150);
        const auto item = random() % 4 ? "I" + std::to_string(random() % 9) : "";
        append_csv_field(log, user);
        log += "," + item + "," + behaviors[random() % 3] + "," + std::to_string(1'700'000'000 + random() % 50) + ",";
        append_csv_field(log, texts[random() % texts.size()]);
        log += random() % 5 ? "\n" : "\r\n";
    }
    return log;
}

// The corpus that a log should give, computed plainly: by reading the whole file a byte at a time.
struct Expected {
    std::map<std::string, UserDocument> users;
    std::int64_t read = 0, duplicates = 0;
};
Expected expected_corpus(const std::string& log, const std::vector<std::string>& behaviors) {
    Expected expected;
    std::map<std::string, std::set<std::tuple<std::int64_t, std::int32_t, std::string, std::string>>> seen;
    auto records = naive_records(log, 1 << 20, 1 << 24);
    records.erase(records.begin());
    for (const auto& record : records) {
        ++expected.read;
        const auto behavior = std::find(behaviors.begin(), behaviors.end(), record.fields[2]) - behaviors.begin();
        Event event{std::stoll(record.fields[3]), static_cast<std::int32_t>(behavior), record.fields[1], cleaned(record.fields[4])};
        if (!seen[record.fields[0]].emplace(event.time, event.behavior, event.item, event.text).second) {
            ++expected.duplicates;
            continue;
        }
        auto& user = expected.users[record.fields[0]];
        user.id = record.fields[0];
        user.events.push_back(event);
    }
    for (auto& [id, user] : expected.users)
        std::stable_sort(user.events.begin(), user.events.end(), [](const Event& a, const Event& b) { return a.time < b.time; });
    return expected;
}

IngestOptions options_for(std::vector<std::filesystem::path> inputs) {
    IngestOptions options;
    options.inputs = std::move(inputs);
    options.partitions = 7;  // few files make a quick test
    return options;
}

TEST(Ingest, gives_the_corpus_of_a_plain_reading_and_the_same_bytes_on_any_ranks) {
    const TestFolder folder;
    const auto log = random_log(6000, 1);
    const auto input = folder.write("events.csv", log);
    const auto expected = expected_corpus(log, {"buy", "pv", "search"});
    std::map<std::string, std::string> first;
    for (const int ranks : {1, 2, 3, 5, 8}) {
        const auto run = folder.path() / ("run" + std::to_string(ranks));
        auto options = options_for({input});
        options.round_bytes = ranks == 3 ? 1000 : 1 << 26;  // many rounds leave no trace either
        options.partitions = 0;
        const auto report = ingest_on_ranks(ranks, run, options);
        EXPECT_EQ(report.read, expected.read);
        EXPECT_EQ(report.duplicates, expected.duplicates);
        EXPECT_EQ(report.rejected, 0);
        EXPECT_EQ(report.read, report.kept + report.duplicates + report.rejected);
        EXPECT_EQ(report.users, static_cast<std::int64_t>(expected.users.size()));
        EXPECT_EQ(report.events, report.kept);
        const auto files = corpus_files(run);
        if (ranks == 1) {
            first = files;
            EXPECT_EQ(files.size(), 64u + 2u);
            EXPECT_EQ(users_by_id(run), expected.users);
        } else {
            EXPECT_EQ(files, first) << ranks;
        }
    }
}

TEST(Ingest, events_of_one_second_are_told_apart_and_ordered_by_their_fraction) {
    const TestFolder folder;
    std::string log = "user_id,behavior,timestamp,text\n";
    for (int i = 39; i >= 0; --i)  // the latest first
        log += fmt::format("u{},pv,1700000000{:03},text {}\n", i % 3, 7 * i, i % 2);
    log += "u0,pv,2023-11-14 22:13:20.0000,text 0\n";  // once more the event of 1700000000000
    const auto input = folder.write("events.csv", log);
    std::map<std::string, std::string> first;
    for (const int ranks : {1, 2, 3, 5}) {
        const auto run = folder.path() / ("run" + std::to_string(ranks));
        const auto report = ingest_on_ranks(ranks, run, options_for({input}));
        EXPECT_EQ(report.duplicates, 1);
        EXPECT_EQ(report.events, 40);
        const auto users = users_by_id(run);
        for (int u = 0; u < 3; ++u) {
            const auto& events = users.at("u" + std::to_string(u)).events;
            for (std::size_t e = 0; e < events.size(); ++e) {
                EXPECT_EQ(events[e].time, 1'700'000'000);
                EXPECT_EQ(events[e].text, fmt::format("text {}", (u + 3 * e) % 2));
            }
        }
        const auto files = corpus_files(run);
        if (ranks == 1) first = files;
        EXPECT_EQ(files, first) << ranks;
    }
}

TEST(Ingest, users_lie_in_the_partition_of_their_hash_in_its_order) {
    const TestFolder folder;
    const auto run = folder.path() / "run";
    auto options = options_for({folder.write("events.csv", random_log(2000, 2))});
    options.partitions = 0;
    ingest_on_ranks(3, run, options);
    const auto info = read_corpus_info(run);
    EXPECT_EQ(info.partitions, 64);
    EXPECT_EQ(info.behaviors, (std::vector<std::string>{"buy", "pv", "search"}));
    for (std::int32_t p = 0; p < info.partitions; ++p) {
        const auto partition = read_partition(run, p);
        EXPECT_EQ(static_cast<std::int64_t>(partition.users.size()), info.users[static_cast<std::size_t>(p)]);
        std::int64_t events = 0, bytes = 0;
        std::pair<std::uint64_t, std::string> before{0, ""};
        for (const auto& user : partition.users) {
            EXPECT_EQ(partition_of(user.id, info.partitions), p);
            const std::pair now{base::hash64(user.id), user.id};
            EXPECT_LT(before, now);
            before = now;
            events += static_cast<std::int64_t>(user.events.size());
            for (const auto& event : user.events) bytes += static_cast<std::int64_t>(event.text.size());
        }
        EXPECT_EQ(events, info.events[static_cast<std::size_t>(p)]);
        EXPECT_EQ(bytes, info.text_bytes[static_cast<std::size_t>(p)]);
    }
}

TEST(Ingest, several_inputs_are_one_log_in_their_order) {
    const TestFolder folder;
    const auto log = random_log(500, 4);
    const auto whole = folder.write("whole.csv", log);
    // The same log in two files: the second one repeats the header, here with its columns in another order.
    const auto records = naive_records(log, 1 << 20, 1 << 24);
    const auto cut = static_cast<std::size_t>(records[200].offset);
    std::string second = "text,timestamp,user_id,behavior,item_id\n";
    for (std::size_t i = 200; i < records.size(); ++i) {
        const auto& f = records[i].fields;
        append_csv_field(second, f[4]);
        second += "," + f[3] + "," + f[0] + "," + f[2] + "," + f[1] + "\n";
    }
    ingest_on_ranks(1, folder.path() / "one", options_for({whole}));
    for (const int ranks : {1, 3, 8}) {
        const auto run = folder.path() / ("two" + std::to_string(ranks));
        const auto report = ingest_on_ranks(
            ranks, run, options_for({folder.write("a.csv", log.substr(0, cut)), folder.write("b.csv", second)}));
        EXPECT_EQ(report.read, 500);
        EXPECT_EQ(users_by_id(run), users_by_id(folder.path() / "one"));
    }
}

const std::string bad_log =
    "user_id,item_id,behavior,timestamp,text\r\n"
    "u1,i1,pv,1700000000,good\r\n"
    "u2,i1\r\n"
    "u3,i1,pv,1700000000,good,and,more\n"
    "u4,i1,pv,1700000000,\xff\xfe broken\n"
    "u5,i1,pv,1700000000,a" + std::string(1, '\0') + "b\n"
    ",i1,pv,1700000000,nobody\n"
    "u7,i1,pv,yesterday,when\n"
    "u8,i1,pv,1700000000," + std::string((1 << 20) + 1, 'x') + "\n"
    "u9,i1,pv,1700000000,\"stray\"quote\n"
    + std::string(257, 'U') + ",i1,pv,1700000000,long id\n"
    "\n"
    "u10,i1,pv,1700000000,\"never closed\n"
    "u11,i1,pv,1700000001,\"good, \"\"too\"\"\"\n";

TEST(Ingest, quarantine_names_the_bytes_and_the_reason_of_every_rejected_record) {
    const TestFolder folder;
    const auto input = folder.write("bad.csv", bad_log);
    std::map<std::string, std::string> first;
    for (const int ranks : {1, 2, 3, 5, 8}) {
        const auto run = folder.path() / ("run" + std::to_string(ranks));
        auto options = options_for({input});
        options.max_bad_fraction = 0.9;
        const auto report = ingest_on_ranks(ranks, run, options);
        EXPECT_EQ(report.read, 12);
        EXPECT_EQ(report.kept, 2);
        EXPECT_EQ(report.rejected, 10);
        if (ranks == 1) first = corpus_files(run);
        EXPECT_EQ(corpus_files(run), first);
    }
    const std::vector<std::pair<std::string, std::string>> expected = {
        {"too_few_fields", "u2,i1"}, {"too_many_fields", "u3,i1,pv,1700000000,good,and,more"},
        {"invalid_utf8", "u4,i1,pv,1700000000,\xff\xfe broken"}, {"nul_byte", "u5,i1,pv,1700000000,a" + std::string(1, '\0') + "b"},
        {"missing_user", ",i1,pv,1700000000,nobody"}, {"bad_timestamp", "u7,i1,pv,yesterday,when"},
        {"field_too_long", "u8,i1,pv,1700000000," + std::string((1 << 20) + 1, 'x')},
        {"stray_quote", "u9,i1,pv,1700000000,\"stray\"quote"},
        {"user_id_too_long", std::string(257, 'U') + ",i1,pv,1700000000,long id"},
        {"unclosed_quote", "u10,i1,pv,1700000000,\"never closed"}};
    std::istringstream rows(first["quarantine.jsonl"]);
    std::size_t row = 0;
    for (std::string line; std::getline(rows, line); ++row) {
        const auto json = nlohmann::json::parse(line);
        ASSERT_LT(row, expected.size());
        EXPECT_EQ(json["file"], "bad.csv");
        EXPECT_EQ(json["reason"], expected[row].first);
        EXPECT_EQ(bad_log.substr(json["offset"], json["length"]), expected[row].second);
    }
    EXPECT_EQ(row, expected.size());
    const auto users = users_by_id(folder.path() / "run1");
    EXPECT_EQ(users.at("u11").events[0].text, "good, \"too\"");
}

TEST(Ingest, too_many_rejected_records_stop_the_job_but_are_kept) {
    const TestFolder folder;
    const auto input = folder.write("bad.csv", bad_log);
    for (const int ranks : {1, 3}) {
        const auto run = folder.path() / ("run" + std::to_string(ranks));
        try {
            ingest_on_ranks(ranks, run, options_for({input}));
            FAIL();
        } catch (const base::Error& error) {
            EXPECT_EQ(error.kind(), ErrorKind::input);
            EXPECT_THAT(error.what(), HasSubstr("1 unclosed_quote"));
            EXPECT_THAT(error.what(), HasSubstr("corpus/quarantine.jsonl"));
        }
        const auto rows = base::read_file(run / "corpus/quarantine.jsonl");
        EXPECT_EQ(std::count(rows.begin(), rows.end(), '\n'), 10);
    }
}

void expect_error(const IngestOptions& options, ErrorKind kind, const std::string& part) {
    for (const int ranks : {1, 3}) {
        const TestFolder folder;
        try {
            ingest_on_ranks(ranks, folder.path() / "run", options);
            ADD_FAILURE() << "no error: " << part;
        } catch (const base::Error& error) {
            EXPECT_EQ(error.kind(), kind) << error.what();
            EXPECT_THAT(error.what(), HasSubstr(part));
        }
    }
}

TEST(Ingest, inputs_that_hold_nothing_are_refused) {
    const TestFolder folder;
    expect_error(options_for({folder.path() / "nowhere.csv"}), ErrorKind::input, "nowhere.csv does not exist");
    expect_error(options_for({folder.path()}), ErrorKind::input, "is a folder");
    expect_error(options_for({folder.write("empty.csv", "")}), ErrorKind::input, "empty.csv is empty");
    expect_error(options_for({folder.write("mark.csv", "\xEF\xBB\xBF")}), ErrorKind::input, "holds no record");
    expect_error(options_for({folder.write("head.csv", "user_id,text\n")}), ErrorKind::input, "no record after its header");
    expect_error(options_for({folder.write("blank.csv", "user_id,text\n\n\r\n\n")}), ErrorKind::input, "no record after its header");
    expect_error(options_for({folder.write("utf16.csv", "\xFF\xFEu\0s\0")}), ErrorKind::input, "UTF-16");
    expect_error(options_for({folder.write("quote.csv", "user_id,\"text\nu1,x\n")}), ErrorKind::input, "header line");
    expect_error(options_for({}), ErrorKind::usage, "--input");
}

TEST(Ingest, a_missing_column_or_key_is_a_usage_error) {
    const TestFolder folder;
    auto options = options_for({folder.write("events.csv", random_log(10, 1))});
    options.columns.text = "txet";
    expect_error(options, ErrorKind::usage, "did you mean text?");
    options.columns.text.clear();
    options.pseudonyms = true;
    expect_error(options, ErrorKind::usage, "--key-file");
    options.key_file = folder.path() / "none";
    expect_error(options, ErrorKind::usage, "no such file");
    options.key_file = folder.write("short", "abc\n");
    expect_error(options, ErrorKind::usage, "16");
    expect_error(options_for({folder.write("a.csv", "user_id,text\nu,x\n"), folder.write("b.csv", "用户ID,搜索关键词\nu,x\n")}),
                 ErrorKind::usage, "separate runs");
}

TEST(Ingest, a_byte_order_mark_and_another_delimiter_change_nothing) {
    const TestFolder folder;
    const std::string log = "user_id,text,time\nu1,\"a, b\",5\nu2,c,6\n";
    std::string semicolons = "\xEF\xBB\xBFuser_id;text;time\r\nu1;a, b;5\r\nu2;c;6\r\n";
    ingest_on_ranks(1, folder.path() / "one", options_for({folder.write("a.csv", log)}));
    ingest_on_ranks(2, folder.path() / "two", options_for({folder.write("b.csv", semicolons)}));
    EXPECT_EQ(users_by_id(folder.path() / "one"), users_by_id(folder.path() / "two"));
}

TEST(Ingest, rows_of_users_become_events_a_behavior_a_column) {
    const TestFolder folder;
    const auto input = folder.write("users.csv",
                                    "用户ID,搜索关键词,浏览历史,购买记录,用户标签\n"
                                    "甲,手机、耳机,\"好书、、 小说 \",,x\n"
                                    "乙,,,,y\n"
                                    "甲,,,雨伞,z\n");
    for (const int ranks : {1, 3}) {
        const auto run = folder.path() / ("run" + std::to_string(ranks));
        const auto report = ingest_on_ranks(ranks, run, options_for({input}));
        EXPECT_EQ(report.users, 2);
        EXPECT_EQ(report.read, 3);
        EXPECT_EQ(report.events, 5);
        const auto users = users_by_id(run);
        const auto behaviors = read_corpus_info(run).behaviors;
        ASSERT_EQ(behaviors, (std::vector<std::string>{"buy", "search", "view"}));
        EXPECT_EQ(users.at("甲").events, (std::vector<Event>{{0, 1, "", "手机"}, {0, 1, "", "耳机"}, {0, 2, "", "好书"},
                                                            {0, 2, "", "小说"}, {0, 0, "", "雨伞"}}));
        EXPECT_TRUE(users.at("乙").events.empty());
    }
}

TEST(Ingest, any_columns_can_be_mapped_by_options) {
    const TestFolder folder;
    auto options = options_for({folder.write("odd.csv", "who,what,unused\nu1,a|b,x\nu2,c,x\n")});
    options.columns.user = "who";
    options.columns.history = parse_history_columns("what:read");
    options.columns.separator = "|";
    ingest_on_ranks(2, folder.path() / "rows", options);
    EXPECT_EQ(users_by_id(folder.path() / "rows").at("u1").events, (std::vector<Event>{{0, 0, "", "a"}, {0, 0, "", "b"}}));
    EXPECT_EQ(read_corpus_info(folder.path() / "rows").behaviors, std::vector<std::string>{"read"});

    options.columns = {};
    options.columns.user = "who";
    options.columns.text = "what";
    ingest_on_ranks(2, folder.path() / "events", options);
    EXPECT_EQ(users_by_id(folder.path() / "events").at("u1").events, (std::vector<Event>{{0, 0, "", "a|b"}}));
    EXPECT_EQ(read_corpus_info(folder.path() / "events").behaviors, std::vector<std::string>{"event"});
}

TEST(Ingest, events_without_text_get_their_items_text) {
    const TestFolder folder;
    const auto input = folder.write("events.csv",
                                    "user_id,item_id,behavior,timestamp,text\n"
                                    "u1,i1,pv,1,\nu1,i2,pv,2,own text\nu2,i3,pv,3,\nu3,,pv,4,\nu4,i1,pv,5,\n");
    std::string items = "item_id,kind,title\ni1,a,\"First, item\"\ni2,a,Second\ni1,b,Again\n,x,nobody\n";
    for (int i = 10; i < 400; ++i) items += "i" + std::to_string(i) + ",x,title\n";
    auto options = options_for({input});
    options.items = folder.write("items.csv", items);
    options.item_text = "title";
    std::map<std::string, std::string> first;
    for (const int ranks : {1, 2, 5}) {
        const auto run = folder.path() / ("run" + std::to_string(ranks));
        const auto report = ingest_on_ranks(ranks, run, options);
        const auto users = users_by_id(run);
        EXPECT_EQ(users.at("u1").events[0].text, "First, item");
        EXPECT_EQ(users.at("u1").events[1].text, "own text");
        EXPECT_EQ(users.at("u2").events[0].text, "");
        EXPECT_EQ(users.at("u4").events[0].text, "First, item");
        ASSERT_TRUE(report.items.has_value());
        EXPECT_EQ(report.items->read, 394);
        EXPECT_EQ(report.items->kept, 392);
        EXPECT_EQ(report.items->repeated, 1);
        EXPECT_EQ(report.items->rejected, 1);
        EXPECT_EQ(report.events_without_item_text, 1);
        if (ranks == 1) first = corpus_files(run);
        EXPECT_EQ(corpus_files(run), first);
        EXPECT_THAT(first["quarantine.jsonl"], HasSubstr("{\"file\":\"items.csv\",\"offset\":61,\"length\":9,\"reason\":\"missing_item\"}"));
    }
    options.item_text = "titel";
    expect_error(options, ErrorKind::usage, "did you mean title?");
}

TEST(Ingest, pseudonyms_leave_no_raw_id_anywhere) {
    const TestFolder folder;
    // Ids that no attribute or column name resembles.
    const auto log = std::regex_replace(random_log(300, 8), std::regex("user(\\d)"), "Alice$1") +
                     "Alice7,too few\nAlice8,i,pv,when?,x\n";
    auto options = options_for({folder.write("events.csv", log)});
    options.max_bad_fraction = 0.1;
    options.pseudonyms = true;
    options.key_file = folder.write("key", "0123456789abcdef0123456789abcdef\n");
    const auto run = folder.path() / "run";
    const auto report = ingest_on_ranks(3, run, options);
    EXPECT_EQ(report.rejected, 2);
    for (const auto& entry : std::filesystem::recursive_directory_iterator(run))
        if (entry.is_regular_file()) {
            EXPECT_EQ(base::read_file(entry.path()).find("Alice"), std::string::npos) << entry.path();
        }
    for (const auto& [id, user] : users_by_id(run)) EXPECT_EQ(id.size(), 32u);
    const auto partition = partition_of(base::keyed_pseudonym("0123456789abcdef0123456789abcdef", "Alice5"), 7);
    const auto users = read_partition(run, partition).users;
    EXPECT_TRUE(std::any_of(users.begin(), users.end(), [](const UserDocument& user) {
        return user.id == base::keyed_pseudonym("0123456789abcdef0123456789abcdef", "Alice5");
    }));

    auto other = options;
    other.key_file = folder.write("other", "fedcba9876543210fedcba9876543210");
    EXPECT_THROW(ingest_on_ranks(1, run, other, store::OpenMode::resume), base::Error);
}

std::map<std::string, ino_t> inodes(const std::filesystem::path& run) {
    std::map<std::string, ino_t> numbers;
    for (const auto& entry : std::filesystem::directory_iterator(run / "corpus")) {
        struct stat status;
        ::stat(entry.path().c_str(), &status);
        numbers[entry.path().filename().string()] = status.st_ino;
    }
    return numbers;
}

TEST(Ingest, resuming_keeps_finished_partitions_and_gives_the_same_bytes) {
    const TestFolder folder;
    auto options = options_for({folder.write("events.csv", random_log(1500, 9))});
    options.partitions = 30;
    const auto whole = folder.path() / "whole", run = folder.path() / "run";
    ingest_on_ranks(2, whole, options);

    std::mutex mutex;  // the job dies when some partitions are written
    int written = 0;
    auto dying = options;
    dying.partition_written = [&](std::int32_t, double) {
        std::lock_guard lock(mutex);
        if (++written == 20) base::fail(ErrorKind::environment, "the disk is full");
    };
    EXPECT_THROW(ingest_on_ranks(3, run, dying), base::Error);
    const auto before = inodes(run);
    ASSERT_GE(before.size(), 20u);
    const auto report = ingest_on_ranks(5, run, options, store::OpenMode::resume);
    EXPECT_GE(report.partitions_reused, 20);
    EXPECT_EQ(corpus_files(run), corpus_files(whole));
    const auto after = inodes(run);
    for (const auto& [name, inode] : before)
        if (name.starts_with("part-")) {
            EXPECT_EQ(after.at(name), inode) << name;
        }

    const auto again = ingest_on_ranks(1, run, options, store::OpenMode::resume);
    EXPECT_TRUE(again.reused);
    EXPECT_EQ(again.users, report.users);
    EXPECT_EQ(inodes(run), after);
}

TEST(Ingest, resuming_with_a_changed_input_is_refused) {
    const TestFolder folder;
    auto log = random_log(300, 10);
    const auto options = options_for({folder.write("events.csv", log)});
    ingest_on_ranks(2, folder.path() / "run", options);
    log[log.size() - 5] ^= 1;
    folder.write("events.csv", log);
    try {
        ingest_on_ranks(3, folder.path() / "run", options, store::OpenMode::resume);
        FAIL();
    } catch (const base::Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::usage);
        EXPECT_THAT(error.what(), HasSubstr("input 1"));
    }
}

TEST(Ingest, a_column_of_free_text_is_no_behavior) {
    const TestFolder folder;
    std::string log = "user_id,behavior,text\n";
    for (int i = 0; i < 1200; ++i) log += "u,b" + std::to_string(i) + ",x\n";
    const auto input = folder.write("events.csv", log);
    expect_error(options_for({input}), ErrorKind::usage, "--behavior-column none");
    auto options = options_for({input});
    options.columns.behavior = "none";
    EXPECT_EQ(ingest_on_ranks(2, folder.path() / "run", options).duplicates, 1199);
}

}  // namespace
}  // namespace kohort::corpus
