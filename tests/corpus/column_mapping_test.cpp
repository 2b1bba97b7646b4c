#include "corpus/column_mapping.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace kohort::corpus {
namespace {

using base::Error;
using base::ErrorKind;
using testing::AllOf;
using testing::HasSubstr;
using Header = std::vector<std::string>;

std::string described(const Header& header, const ColumnOptions& options = {}) {
    return map_columns("my.csv", header, {}, options).description();
}

std::string message_of(const std::function<void()>& action) {
    try {
        action();
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::usage);
        return error.what();
    }
    return "no error";
}

TEST(ColumnMapping, recognises_event_logs_in_both_languages) {
    EXPECT_EQ(described({"user_id", "item_id", "behavior", "timestamp", "text"}),
              "user=user_id item=item_id behavior=behavior time=timestamp text=text");
    EXPECT_EQ(described({"Time", "UserID", "Title"}), "user=UserID time=Time text=Title");
    EXPECT_EQ(described({"customer-id", "Product ID", "Event Type", "created_at"}),
              "user=customer-id item=Product ID behavior=Event Type time=created_at");
    EXPECT_EQ(described({"用户ID", "商品ID", "行为类型", "时间戳", "商品标题"}),
              "user=用户ID item=商品ID behavior=行为类型 time=时间戳 text=商品标题");
    EXPECT_EQ(described({"ＵＳＥＲ＿ＩＤ", "text"}), "user=ＵＳＥＲ＿ＩＤ text=text");  // full width
}

TEST(ColumnMapping, recognises_rows_of_users) {
    EXPECT_EQ(described({"用户ID", "搜索关键词", "浏览历史", "购买记录"}),
              "user=用户ID search=搜索关键词 view=浏览历史 buy=购买记录 separator=、");
    const auto seed = map_columns("my.csv", {"用户ID", "搜索关键词", "用户特征向量", "用户标签"}, {}, {});
    EXPECT_EQ(seed.form, InputForm::user_rows);
    EXPECT_EQ(seed.unused(), (Header{"用户特征向量", "用户标签"}));
    EXPECT_EQ(described({"user_id", "search_history", "browsing_history", "purchases"}),
              "user=user_id search=search_history view=browsing_history buy=purchases separator=、");
}

TEST(ColumnMapping, a_log_of_searches_with_times_is_an_event_log) {
    EXPECT_EQ(described({"user_id", "time", "搜索词"}), "user=user_id time=time text=搜索词");
}

TEST(ColumnMapping, options_overrule_recognition) {
    ColumnOptions options;
    options.user = "b";
    options.text = "c";
    options.time = "none";
    EXPECT_EQ(described({"user_id", "b", "c", "time"}, options), "user=b text=c");
    options = {};
    options.history = parse_history_columns("text:read,title");
    options.separator = "|";
    EXPECT_EQ(described({"user_id", "text", "title"}, options), "user=user_id read=text title=title separator=|");
}

TEST(ColumnMapping, an_absent_column_is_named_with_the_nearest_one) {
    ColumnOptions options;
    options.text = "tilte";
    EXPECT_THAT(message_of([&] { described({"user_id", "title", "kind"}, options); }),
                AllOf(HasSubstr("--text-column tilte"), HasSubstr("my.csv"), HasSubstr("did you mean title?"),
                      HasSubstr("user_id, title, kind")));
    options = {};
    options.history = parse_history_columns("购买纪录:buy");
    EXPECT_THAT(message_of([&] { described({"用户ID", "浏览历史", "购买记录"}, options); }), HasSubstr("did you mean 购买记录?"));
}

TEST(ColumnMapping, an_unknown_header_gets_a_proposal) {
    const std::vector<std::vector<std::string>> samples = {{"a7", "2023-11-14 10:00", "a long text about something"},
                                                           {"b9", "2023-11-14 10:05", "another long text"}};
    EXPECT_THAT(message_of([&] { map_columns("my.csv", {"wer", "wann", "was"}, samples, {}); }),
                AllOf(HasSubstr("user's id"), HasSubstr("--user-column 'wer' --text-column 'was' --time-column 'wann'"),
                      HasSubstr("wer, wann, was")));
    EXPECT_THAT(message_of([&] { map_columns("my.csv", {"user_id", "age"}, {}, {}); }), HasSubstr("text or item"));
}

TEST(ColumnMapping, one_column_cannot_be_the_user_and_something_else) {
    ColumnOptions options;
    options.text = "user_id";
    EXPECT_THAT(message_of([&] { described({"user_id", "item_id"}, options); }), HasSubstr("both"));
}

TEST(ColumnMapping, reads_the_option_of_history_columns) {
    const auto columns = parse_history_columns("搜索关键词:search,浏览历史");
    ASSERT_EQ(columns.size(), 2u);
    EXPECT_EQ(columns[0].column, "搜索关键词");
    EXPECT_EQ(columns[0].behavior, "search");
    EXPECT_EQ(columns[1].behavior, "浏览历史");
    EXPECT_THROW(parse_history_columns("a:"), Error);
    EXPECT_THROW(parse_history_columns(":b"), Error);
    EXPECT_THROW(parse_history_columns("a,,b"), Error);
}

TEST(ColumnMapping, finds_the_columns_of_a_catalogue) {
    auto mapping = map_catalogue("items.csv", {"item_id", "kind", "title"}, "", "title");
    EXPECT_EQ(mapping.id, 0);
    EXPECT_EQ(mapping.text, 2);
    mapping = map_catalogue("items.csv", {"name", "code"}, "code", "");
    EXPECT_EQ(mapping.id, 1);
    EXPECT_EQ(mapping.text, 0);
    EXPECT_THAT(message_of([] { map_catalogue("items.csv", {"x", "title"}, "item", "title"); }), HasSubstr("item's id"));
}

}  // namespace
}  // namespace kohort::corpus
