// JSON lines, and compressed inputs: the corpus of the plain CSV of the same events.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include "base/error.h"
#include "corpus/byte_source.h"
#include "corpus/ingest_runner.h"

namespace kohort::corpus {
namespace {

using testing::HasSubstr;

std::string gzip(std::string_view bytes) {
    z_stream stream{};
    deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
    std::string out(bytes.size() + 1000, '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream.avail_in = static_cast<uInt>(bytes.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
    out.resize(stream.total_out);
    deflateEnd(&stream);
    return out;
}

std::string zstandard(std::string_view bytes) {
    std::string out(ZSTD_compressBound(bytes.size()), '\0');
    auto* const context = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);  // as the zstd program does
    out.resize(ZSTD_compress2(context, out.data(), out.size(), bytes.data(), bytes.size()));
    ZSTD_freeCCtx(context);
    return out;
}

std::string log_of(int events) {
    std::string log = "user_id,item_id,behavior,timestamp,text\n";
    for (int i = 0; i < events; ++i)
        log += "u" + std::to_string(i % 37) + ",i" + std::to_string(i % 5) + ",pv," + std::to_string(1'700'000'000 + i) +
               ",\"text, \"\"" + std::to_string(i) + "\"\" 中文\n\"\n";
    return log;
}

IngestOptions options_for(std::vector<std::filesystem::path> inputs) {
    IngestOptions options;
    options.inputs = std::move(inputs);
    options.partitions = 3;
    return options;
}

TEST(Formats, compressed_files_are_read_as_what_they_hold) {
    const TestFolder folder;
    const auto log = log_of(3000);
    ingest_on_ranks(1, folder.path() / "plain", options_for({folder.write("a.csv", log)}));
    const auto expected = users_by_id(folder.path() / "plain");
    const auto half = log.find("u10,", log.size() / 2);
    const auto two_members = gzip(log.substr(0, half)) + gzip(log.substr(half));
    int number = 0;
    for (const auto& path : {folder.write("a.csv.gz", gzip(log)), folder.write("b.csv.gz", two_members),
                             folder.write("c.csv.zst", zstandard(log))})
        for (const int ranks : {1, 3})
            for (const std::int64_t memory : {std::int64_t{0}, std::int64_t{1} << 30}) {
                const auto run = folder.path() / ("run" + std::to_string(number++));
                auto options = options_for({path});
                options.limits.memory = memory;
                const auto report = ingest_on_ranks(ranks, run, options);
                EXPECT_EQ(report.read, 3000);
                EXPECT_EQ(users_by_id(run), expected);
            }
}

TEST(Formats, plain_and_compressed_files_may_be_mixed) {
    const TestFolder folder;
    const auto log = log_of(900);
    const auto cut = log.find("u5,", log.size() / 2);
    const auto head = log.substr(0, log.find('\n') + 1);
    ingest_on_ranks(1, folder.path() / "plain", options_for({folder.write("a.csv", log)}));
    const auto first = folder.write("1.csv", log.substr(0, cut)), second = folder.write("2.csv.gz", gzip(head + log.substr(cut)));
    for (const int ranks : {1, 2, 5}) {
        const auto run = folder.path() / ("run" + std::to_string(ranks));
        ingest_on_ranks(ranks, run, options_for({first, second}));
        EXPECT_EQ(users_by_id(run), users_by_id(folder.path() / "plain"));
    }
}

TEST(Formats, a_damaged_compressed_file_is_refused) {
    const TestFolder folder;
    const auto log = log_of(20'000);
    for (const auto& [name, whole] : {std::pair<std::string, std::string>{"a.csv.gz", gzip(log)}, {"a.csv.zst", zstandard(log)}}) {
        auto flipped = whole;
        flipped[flipped.size() / 2] ^= 0x10;
        for (const auto& bytes : {whole.substr(0, whole.size() - 9), flipped}) {
            const auto path = folder.write(name, bytes);
            const TestFolder runs;
            try {
                ingest_on_ranks(2, runs.path() / "run", options_for({path}));
                ADD_FAILURE() << name;
            } catch (const base::Error& error) {
                EXPECT_EQ(error.kind(), base::ErrorKind::input);
                EXPECT_THAT(error.what(), HasSubstr(name));
            }
        }
    }
}

TEST(Formats, a_source_can_be_read_from_anywhere_in_any_order) {
    const TestFolder folder;
    const auto log = log_of(5000);
    for (const auto& path : {folder.write("a.csv", log), folder.write("a.csv.gz", gzip(log)), folder.write("a.csv.zst", zstandard(log))}) {
        const auto source = open_source(path);
        for (const std::size_t offset : {std::size_t{0}, log.size() / 2, std::size_t{17}, log.size() - 3, log.size() + 5}) {
            std::string bytes(5000, '\0');
            bytes.resize(static_cast<std::size_t>(source->read_at(static_cast<std::int64_t>(offset), bytes)));
            EXPECT_EQ(bytes, offset < log.size() ? log.substr(offset, 5000) : "");
        }
    }
}

TEST(Formats, json_lines_are_read_like_csv) {
    const TestFolder folder;
    std::string csv = "user_id,time,text,behavior\n", json;
    for (int i = 0; i < 500; ++i) {
        const auto number = std::to_string(i);
        csv += "u" + std::to_string(i % 19) + "," + std::to_string(1'700'000'000 + i) + ",\"line\nwith \"\"quotes\"\" 中文 " + number + "\",pv\n";
        json += "{\"user_id\":\"u" + std::to_string(i % 19) + "\",\"time\":" + std::to_string(1'700'000'000 + i) +
                ", \"text\":\"line\\nwith \\\"quotes\\\" \\u4e2d文 " + number + "\",\"behavior\":\"pv\",\"other\":[1,{}]}" +
                (i % 7 ? "\n" : "\r\n");
    }
    ingest_on_ranks(1, folder.path() / "csv", options_for({folder.write("a.csv", csv)}));
    for (const auto& path : {folder.write("a.jsonl", json), folder.write("a.ndjson.gz", gzip(json))})
        for (const int ranks : {1, 2, 5}) {
            const TestFolder runs;
            ingest_on_ranks(ranks, runs.path() / "run", options_for({path}));
            EXPECT_EQ(users_by_id(runs.path() / "run"), users_by_id(folder.path() / "csv"));
        }
}

TEST(Formats, json_arrays_are_histories_and_bad_lines_go_to_quarantine) {
    const TestFolder folder;
    const std::string json =
        "{\"用户ID\":7,\"搜索关键词\":[\"手机\",\"、\",\"耳机 \"],\"购买记录\":null}\n"
        "{\"用户ID\":\"b\",\"搜索关键词\":\"一、二\"}\n"
        "{\"用户ID\":\"c\"\n"
        "[1,2]\n"
        "\n"
        "{\"搜索关键词\":\"x\"}\n"
        "{\"用户ID\":\"d\\u0000e\"}\n"
        "{\"用户ID\":\"e\",\"搜索关键词\":\"\xFF\"}\n";
    auto options = options_for({folder.write("a.jsonl", json)});
    options.max_bad_fraction = 0.9;
    const auto report = ingest_on_ranks(3, folder.path() / "run", options);
    EXPECT_EQ(report.read, 7);
    EXPECT_EQ(report.kept, 2);
    EXPECT_EQ(describe(report.rejected_by_reason), "2 invalid_json, 1 nul_byte, 1 invalid_utf8, 1 missing_user");
    const auto users = users_by_id(folder.path() / "run");
    ASSERT_EQ(read_corpus_info(folder.path() / "run").behaviors, (std::vector<std::string>{"buy", "search"}));
    EXPECT_EQ(users.at("7").events, (std::vector<Event>{{0, 1, "", "手机"}, {0, 1, "", "、"}, {0, 1, "", "耳机"}}));
    EXPECT_EQ(users.at("b").events, (std::vector<Event>{{0, 1, "", "一"}, {0, 1, "", "二"}}));
}

}  // namespace
}  // namespace kohort::corpus
