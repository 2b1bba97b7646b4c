// The real-text corpus of the shared test data, where it is at hand: counts known from its maker, and one reading
// against another.
#include <gtest/gtest.h>
#include <unicode/ucnv.h>

#include <set>

#include "corpus/csv_reader.h"
#include "corpus/ingest_runner.h"
#include "corpus/naive_csv.h"

namespace kohort::corpus {
namespace {

class UsersZh : public testing::Test {
  protected:
    void SetUp() override {
        if (shared_folder().empty()) GTEST_SKIP() << "the shared test data are not at ../shared (or KOHORT_SHARED)";
        data_ = shared_folder() / "data/users_zh";
    }

    // user_id -> events, as the maker counted them
    std::map<std::string, std::int64_t> truth() const {
        std::map<std::string, std::int64_t> counts;
        auto records = naive_records(base::read_file(data_ / "truth.csv"), 1 << 20, 1 << 24);
        for (std::size_t i = 1; i < records.size(); ++i) counts[records[i].fields[0]] = std::stoll(records[i].fields[2]);
        return counts;
    }

    std::filesystem::path data_;
    TestFolder folder_;
};

TEST_F(UsersZh, every_user_and_event_of_the_log_arrives) {
    IngestOptions options;
    options.inputs = {data_ / "events.csv"};
    options.items = data_ / "items.csv";
    options.item_text = "title";
    const auto report = ingest_on_ranks(4, folder_.path() / "run", options);
    EXPECT_EQ(report.read, 101'707);
    EXPECT_EQ(report.rejected, 0);
    EXPECT_EQ(report.users, 8'000);
    EXPECT_EQ(report.kept + report.duplicates, 101'707);
    EXPECT_EQ(report.items->kept, 57'366);
    std::int64_t share = report.bytes_total / 4;
    for (const auto read : report.bytes_read) EXPECT_LT(read, share + share / 2);

    std::int64_t missing = 0;
    const auto users = users_by_id(folder_.path() / "run");
    for (const auto& [id, events] : truth()) missing += events - static_cast<std::int64_t>(users.at(id).events.size());
    EXPECT_EQ(missing, report.duplicates);
    EXPECT_LT(report.duplicates, 10);
}

TEST_F(UsersZh, the_table_of_users_holds_the_same_texts_in_utf8_and_gb18030) {
    IngestOptions options;
    options.inputs = {data_ / "user_data.csv"};
    const auto report = ingest_on_ranks(3, folder_.path() / "utf8", options);
    EXPECT_EQ(report.users, 8'000);
    EXPECT_EQ(report.read, 8'000);
    EXPECT_EQ(report.rejected, 0);

    const auto utf8 = base::read_file(data_ / "user_data.csv");
    std::string gb(utf8.size() * 2, '\0');
    UErrorCode status = U_ZERO_ERROR;
    const auto length = ucnv_convert("gb18030", "UTF-8", gb.data(), static_cast<int32_t>(gb.size()), utf8.data(),
                                     static_cast<int32_t>(utf8.size()), &status);
    ASSERT_TRUE(U_SUCCESS(status));
    gb.resize(static_cast<std::size_t>(length));
    options.inputs = {folder_.write("user_data.csv", gb)};
    const auto same = ingest_on_ranks(2, folder_.path() / "gb", options);
    EXPECT_EQ(same.encodings, std::vector<std::string>{"gb18030"});
    EXPECT_EQ(users_by_id(folder_.path() / "gb"), users_by_id(folder_.path() / "utf8"));
}

}  // namespace
}  // namespace kohort::corpus
