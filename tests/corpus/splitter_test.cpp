#include "corpus/splitter.h"

#include <gtest/gtest.h>

#include <map>
#include <mutex>
#include <random>

#include "corpus/naive_csv.h"
#include "corpus/test_folder.h"
#include "parallel/thread_communicator.h"

namespace kohort::corpus {
namespace {

// Every record of the file as the ranks together read it, cut at multiples of `granularity`.
std::vector<NaiveRecord> read_by_ranks(const std::filesystem::path& path, std::int64_t size, int ranks,
                                       std::int64_t granularity, const RecordGrammar& grammar, std::int64_t data_start,
                                       std::int64_t capacity, std::vector<std::int64_t>* bytes_read = nullptr) {
    std::mutex mutex;
    std::map<int, std::vector<NaiveRecord>> by_rank;
    if (bytes_read) bytes_read->assign(static_cast<std::size_t>(ranks), 0);
    parallel::run_thread_ranks(ranks, [&](parallel::Communicator& comm) {
        const std::vector<SplitFile> files{{size, false}};
        std::vector<OpenStretch> stretches;
        for (const auto& stretch : stretches_of(files, comm.rank(), ranks, granularity))
            stretches.push_back({stretch, std::make_unique<InputWindow>(open_source(path), stretch.end, capacity), 0});
        const std::vector<std::int64_t> starts{data_start};
        const std::vector<RecordGrammar> grammars{grammar};
        find_first_records(comm, stretches, starts, grammars);
        std::vector<NaiveRecord> mine;
        std::int64_t read = 0;
        std::string buffer;
        for (auto& open : stretches) {
            RecordCursor cursor(*open.window, grammar, open.first, open.stretch.end, true);
            while (cursor.next()) {
                const auto& record = cursor.record();
                NaiveRecord plain{record.offset, record.length, {}, record.reason};
                for (const auto& field : record.fields) plain.fields.emplace_back(csv_value(field, buffer));
                mine.push_back(std::move(plain));
            }
            read += open.window->bytes_read();
        }
        std::lock_guard lock(mutex);
        by_rank[comm.rank()] = std::move(mine);
        if (bytes_read) (*bytes_read)[static_cast<std::size_t>(comm.rank())] = read;
    });
    std::vector<NaiveRecord> all;
    for (auto& [rank, records] : by_rank) all.insert(all.end(), records.begin(), records.end());
    return all;
}

constexpr std::int64_t keep_all = std::int64_t{1} << 40;

RecordGrammar small_limits(std::int64_t field, std::int64_t record) {
    RecordGrammar grammar;
    grammar.csv.most_field = field;
    grammar.csv.most_record = record;
    return grammar;
}

TEST(Splitter, stretches_cover_every_byte_once) {
    const std::vector<SplitFile> files{{100, false}, {7, false}, {50, true}, {0, false}, {1000, false}};
    for (const int ranks : {1, 2, 3, 5, 8, 40})
        for (const std::int64_t granularity : {1, 8, 64}) {
            std::map<std::int32_t, std::int64_t> covered;
            for (int rank = 0; rank < ranks; ++rank)
                for (const auto& stretch : stretches_of(files, rank, ranks, granularity)) {
                    EXPECT_EQ(stretch.begin, covered[stretch.file]);
                    covered[stretch.file] = files[static_cast<std::size_t>(stretch.file)].whole ? 50 : stretch.end;
                }
            for (std::int32_t f = 0; f < 5; ++f) EXPECT_EQ(covered[f], files[static_cast<std::size_t>(f)].size) << f;
        }
}

// A quote, a doubled quote, a line break and a broken quote stand at every place relative to the ranks' boundaries.
TEST(Splitter, a_boundary_may_fall_anywhere) {
    const TestFolder folder;
    const auto grammar = small_limits(24, 64);
    for (std::size_t shift = 0; shift < 16; ++shift) {
        const std::string text = std::string(shift, 'x') + ",1\na,\"b\nc\"\"d,\"\n\"\"\"\",\"\"\r\ne,\"f\ng,h\n\n\"i\",\"j\nk\"\nl,m";
        const auto path = folder.write("shifted.csv", text);
        const auto size = static_cast<std::int64_t>(text.size());
        const auto expected = naive_records(text, 24, 64);
        for (const int ranks : {1, 2, 3, 5, 8})
            for (const std::int64_t granularity : {1, 2, 3, 7})
                ASSERT_EQ(read_by_ranks(path, size, ranks, granularity, grammar, 0, keep_all), expected)
                    << shift << ' ' << ranks << ' ' << granularity;
    }
}

TEST(Splitter, random_bytes_read_alike_at_any_number_of_ranks) {
    const TestFolder folder;
    std::mt19937 random(11);
    const std::string_view alphabets[] = {"ab,\"\n", "a\"\n", "abcdefgh,,\n\"\r", "\"\",\n\r"};
    for (int round = 0; round < 120; ++round) {
        const auto alphabet = alphabets[round % 4];
        std::string text;
        for (auto length = 1 + random() % 300; length > 0; --length) text += alphabet[random() % alphabet.size()];
        const std::size_t field = 3 + random() % 20, record = field + random() % 30;
        const auto path = folder.write("random.csv", text);
        const auto expected = naive_records(text, field, record);
        for (const int ranks : {1, 2, 3, 5, 8}) {
            const auto grammar = small_limits(static_cast<std::int64_t>(field), static_cast<std::int64_t>(record));
            const std::int64_t capacity = round % 2 ? keep_all : 16;  // with and without room to keep what was read
            ASSERT_EQ(read_by_ranks(path, static_cast<std::int64_t>(text.size()), ranks, 1, grammar, 0, capacity), expected)
                << text << '\n' << ranks;
        }
    }
}

TEST(Splitter, an_unclosed_quote_costs_one_line) {
    const TestFolder folder;
    std::string text;
    for (int i = 0; i < 40'000; ++i) text += "u" + std::to_string(i) + ",plain text without quotes," + std::to_string(i) + "\n";
    const auto middle = text.find("u20000,");
    const auto broken = text.substr(0, middle) + "bad,\"never closed,1\n" + text.substr(middle);
    const auto path = folder.write("unclosed.csv", broken);
    ASSERT_GT(broken.size(), std::size_t{1} << 20);
    for (const int ranks : {1, 2, 3, 5, 8}) {
        const auto records = read_by_ranks(path, static_cast<std::int64_t>(broken.size()), ranks, 4096, {}, 0, keep_all);
        ASSERT_EQ(records.size(), 40'001u);
        EXPECT_EQ(records[20'000].reason, Reason::unclosed_quote);
        EXPECT_EQ(records[20'000].length, 19);
        EXPECT_EQ(records[20'001].fields[0], "u20000");
    }
}

TEST(Splitter, no_rank_reads_much_more_than_its_share) {
    const TestFolder folder;
    std::mt19937 random(3);
    std::string text;
    while (text.size() < 3'000'000) {
        text += "user" + std::to_string(random() % 1000) + ",\"";
        for (auto words = random() % 30; words > 0; --words) text += "word\n";
        text += "\",x\n";
    }
    const auto path = folder.write("large.csv", text);
    const auto size = static_cast<std::int64_t>(text.size());
    std::vector<std::int64_t> bytes_read;
    const auto records = read_by_ranks(path, size, 4, 4096, {}, 0, keep_all, &bytes_read);
    EXPECT_EQ(records, naive_records(text, 1 << 20, 1 << 24));
    for (const auto read : bytes_read) EXPECT_LT(read, size / 4 + size / 16);
}

TEST(Splitter, a_giant_line_is_one_rejected_record) {
    const TestFolder folder;
    const std::string text = "a,b\n" + std::string(200'000, 'x') + "\nc,d\n";
    const auto path = folder.write("giant.csv", text);
    const auto grammar = small_limits(1000, 5000);
    for (const int ranks : {1, 3, 8})
        EXPECT_EQ(read_by_ranks(path, static_cast<std::int64_t>(text.size()), ranks, 4096, grammar, 0, 64),
                  naive_records(text, 1000, 5000));
}

}  // namespace
}  // namespace kohort::corpus
