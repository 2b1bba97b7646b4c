// Every row once, in the order of the input, however ranks shared the work of finding them.
#include "corpus/text_table.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <random>

#include "base/error.h"
#include "corpus/csv_reader.h"
#include "corpus/test_folder.h"
#include "parallel/thread_communicator.h"

namespace kohort::corpus {
namespace {

// Rows with commas, quotes, line breaks and Chinese characters; some are empty.
std::vector<std::string> random_rows(std::size_t count) {
    std::mt19937 random(3);
    const std::vector<std::string> pieces = {"a", "bc", ",", "\"", "\n", "红色", " ", "连衣裙", "x,y", "\r\n"};
    std::vector<std::string> rows(count);
    for (std::size_t i = 0; i < count; ++i)
        for (unsigned left = random() % 40; left > 0; --left) rows[i] += pieces[random() % pieces.size()];
    return rows;
}

std::string as_csv(std::span<const std::string> rows) {
    std::string csv = "number,title\n";
    for (std::size_t i = 0; i < rows.size(); ++i) {
        csv += std::to_string(i) + ',';
        append_csv_field(csv, rows[i]);
        csv += '\n';
    }
    return csv;
}

// All rows in order, read by the last rank alone, who found only some of them.
std::vector<std::string> read_all(const std::vector<std::filesystem::path>& files, int ranks, std::string* identity = nullptr) {
    std::vector<std::string> rows;
    parallel::run_thread_ranks(ranks, [&](parallel::Communicator& comm) {
        const TextTable table(comm, files, Encoding::automatic, "title");
        if (comm.rank() != ranks - 1) return;
        if (identity) *identity = table.identity();
        for (std::int32_t p = 0; p < table.partitions(); ++p) {
            const auto part = table.read(p);
            EXPECT_EQ(static_cast<std::int64_t>(part.texts.size()), table.partition_rows(p));
            EXPECT_EQ(static_cast<std::int64_t>(rows.size()), table.first_row(p));
            EXPECT_EQ(part.rejected, 0);
            rows.insert(rows.end(), part.texts.begin(), part.texts.end());
        }
        EXPECT_EQ(static_cast<std::int64_t>(rows.size()), table.rows());
    });
    return rows;
}

TEST(TextTable, has_every_row_once_in_order_at_any_ranks) {
    const TestFolder folder;
    const auto rows = random_rows(5000);  // ten partitions, and ranges of bytes that end inside quoted fields
    const std::vector files = {folder.write("items.csv", as_csv(rows))};
    std::string first, other;
    EXPECT_EQ(read_all(files, 1, &first), rows);
    for (const int ranks : {2, 3, 5, 8}) {
        EXPECT_EQ(read_all(files, ranks, &other), rows) << ranks;
        EXPECT_EQ(other, first);
    }
}

TEST(TextTable, goes_on_from_file_to_file_whatever_their_columns) {
    const TestFolder folder;
    const auto rows = random_rows(1900);
    const std::span all(rows);
    std::string lines;  // of JSON, with the title first
    for (const auto& row : all.last(700)) {
        lines += "{\"title\": \"";
        for (const char c : row) lines += c == '"' ? std::string("\\\"") : c == '\n' ? std::string("\\n") : c == '\r' ? std::string("\\r") : std::string(1, c);
        lines += "\", \"number\": 1}\n";
    }
    const std::vector files = {folder.write("a.csv", as_csv(all.first(513))), folder.write("b.csv", as_csv(all.subspan(513, 687))),
                               folder.write("c.jsonl", lines)};
    for (const int ranks : {1, 3, 4}) EXPECT_EQ(read_all(files, ranks), rows) << ranks;
}

TEST(TextTable, reads_compressed_tables) {
    const TestFolder folder;
    const auto rows = random_rows(1200);
    const auto csv = as_csv(rows), path = (folder.path() / "items.csv.gz").string();
    gzFile file = gzopen(path.c_str(), "wb");
    gzwrite(file, csv.data(), static_cast<unsigned>(csv.size()));
    gzclose(file);
    EXPECT_EQ(read_all({path}, 2), rows);
}

TEST(TextTable, takes_ids_where_lines_of_json_have_them_and_no_other_column_is_named) {
    const TestFolder folder;
    std::string lines;
    for (int i = 0; i < 600; ++i) lines += "{\"ids\": [" + std::to_string(i) + ", 7, 2147483647]}\n";
    lines += "{\"ids\": []}\n";
    const std::vector files = {folder.write("ids.jsonl", lines)};
    parallel::run_thread_ranks(2, [&](parallel::Communicator& comm) {
        const TextTable table(comm, files, Encoding::automatic, "");
        ASSERT_TRUE(table.holds_ids());
        ASSERT_EQ(table.partitions(), 19);  // of 32 rows
        EXPECT_EQ(table.read(1).ids.front(), (std::vector<std::int32_t>{32, 7, 2147483647}));
        const auto last = table.read(18);
        EXPECT_EQ(last.ids.front(), (std::vector<std::int32_t>{576, 7, 2147483647}));
        EXPECT_EQ(last.ids.back(), std::vector<std::int32_t>());
    });
    for (const std::string bad : {"[1, -1]", "[1, 2147483648]", "[1, 1.5]", "[1, \"a\"]", "[1, null]", "null", "\"\"", "true", "7", "\"7 8\"", "[\"5\", 2]", "[1.0, 2]",
                                  "[[1, 2]]", "[true]"}) {
        const std::vector wrong = {folder.write("bad.jsonl", "{\"ids\": [1]}\n{\"ids\": " + bad + "}\n{\"other\": [3]}\n{\"ids\": [4]}\n")};
        parallel::run_thread_ranks(1, [&](parallel::Communicator& comm) {
            for (const char* column : {"", "ids"}) {
                const TextTable table(comm, wrong, Encoding::automatic, column);
                const auto part = table.read(0);
                EXPECT_EQ(part.ids, (std::vector<std::vector<std::int32_t>>{{1}, {}, {}, {4}})) << bad;
                EXPECT_EQ(part.rejected, 2) << bad;
                EXPECT_EQ(part.first_rejected, 1);
                EXPECT_EQ(part.reason, Reason::bad_token_ids);
            }
        });
    }
}

TEST(TextTable, a_line_of_json_without_the_column_is_rejected) {
    const TestFolder folder;
    const std::vector files = {folder.write("items.jsonl", "{\"title\": \"a\"}\n{\"titel\": \"b\"}\n{\"title\": null}\n{\"title\": \"d\"}\n")};
    parallel::run_thread_ranks(1, [&](parallel::Communicator& comm) {
        const auto part = TextTable(comm, files, Encoding::automatic, "title").read(0);
        EXPECT_EQ(part.texts, (std::vector<std::string>{"a", "", "", "d"}));
        EXPECT_EQ(part.rejected, 1) << "null is an empty text";
        EXPECT_EQ(part.first_rejected, 1);
        EXPECT_EQ(part.reason, Reason::too_few_fields);
    });
}

TEST(TextTable, rows_that_are_no_records_are_empty_and_counted) {
    const TestFolder folder;
    const std::vector files = {folder.write("items.csv", "number,title\n0,good\n1,bad,more\n2,fine\n3\n4,\"open\n5,last\n")};
    parallel::run_thread_ranks(1, [&](parallel::Communicator& comm) {
        const TextTable table(comm, files, Encoding::automatic, "title");
        const auto part = table.read(0);
        EXPECT_EQ(part.texts, (std::vector<std::string>{"good", "", "fine", "", "", "last"}));
        EXPECT_EQ(part.rejected, 3);
        EXPECT_EQ(part.first_rejected, 1);
        EXPECT_EQ(part.reason, Reason::too_many_fields);
    });
}

TEST(TextTable, a_column_that_is_not_there_is_refused_with_those_that_are) {
    const TestFolder folder;
    const std::vector files = {folder.write("items.csv", "number,title\n0,good\n")};
    for (const std::string column : {"name", ""}) parallel::run_thread_ranks(1, [&](parallel::Communicator& comm) {
            try {
                TextTable(comm, files, Encoding::automatic, column);
                FAIL();
            } catch (const base::Error& error) {
                EXPECT_EQ(error.kind(), base::ErrorKind::usage);
                EXPECT_NE(std::string(error.what()).find("number, title"), std::string::npos) << error.what();
            }
        });
}

}  // namespace
}  // namespace kohort::corpus
