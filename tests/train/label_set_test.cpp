// Labels by user: one or several, numbered by name, and the files that are refused.
#include "train/label_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"
#include "temporary_folder.h"

namespace kohort::train {
namespace {

using testing::ElementsAre;

TEST(LabelSet, numbers_labels_by_name_and_gives_each_user_its_own) {
    const LabelSet set({{"u1", "sport", 1}, {"u2", "books", 2}, {"u3", "sport", 3}}, LabelKind::automatic, "file");
    EXPECT_THAT(set.names(), ElementsAre("books", "sport"));
    EXPECT_FALSE(set.multi());
    EXPECT_EQ(set.users(), 3);
    EXPECT_THAT(set.of_user("u1"), ElementsAre(1));
    EXPECT_THAT(set.of_user("u2"), ElementsAre(0));
    EXPECT_THAT(set.of_user("u9"), ElementsAre());
}

TEST(LabelSet, takes_several_labels_from_rows_and_from_one_field) {
    const LabelSet set({{"u1", "b | a", 1}, {"u2", "c", 2}, {"u2", "a", 3}, {"u2", "a", 4}, {"u3", "|", 5}}, LabelKind::automatic, "file");
    EXPECT_TRUE(set.multi());
    EXPECT_THAT(set.of_user("u1"), ElementsAre(0, 1));
    EXPECT_THAT(set.of_user("u2"), ElementsAre(0, 2));
    EXPECT_THAT(set.of_user("u3"), ElementsAre());
    EXPECT_EQ(set.users(), 2);
}

TEST(LabelSet, the_order_of_rows_changes_nothing) {
    const LabelSet one({{"u1", "b", 1}, {"u1", "a", 2}, {"u2", "c", 3}}, LabelKind::multi, "");
    const LabelSet other({{"u2", "c", 1}, {"u1", "a", 2}, {"u1", "b", 3}}, LabelKind::multi, "");
    EXPECT_EQ(one.names(), other.names());
    EXPECT_EQ(one.of_user("u1"), other.of_user("u1"));
}

void expect_refused(const std::vector<corpus::KeyedValue>& rows, LabelKind kind, const std::string& text) {
    try {
        LabelSet(rows, kind, "FILE");
        FAIL() << "no error: " << text;
    } catch (const base::Error& error) {
        EXPECT_EQ(error.kind(), base::ErrorKind::input);
        EXPECT_THAT(error.what(), testing::AllOf(testing::HasSubstr("FILE"), testing::HasSubstr(text)));
    }
}

TEST(LabelSet, refuses_what_nothing_can_be_learned_from) {
    expect_refused({}, LabelKind::automatic, "no user has a label");
    expect_refused({{"u1", "a", 1}, {"u2", "a", 2}}, LabelKind::automatic, "all users have the label \"a\"");
    expect_refused({{"u1", "a", 1}, {"u2", "b", 2}, {"u1", "b", 3}}, LabelKind::single, "record 3");
    EXPECT_TRUE(LabelSet({{"u1", "a", 1}}, LabelKind::multi, "").multi());
}

std::vector<corpus::KeyedValue> read(const std::string& content, const std::string& column = "") {
    const TemporaryFolder folder;
    std::ofstream(folder.path() / "labels.csv", std::ios::binary) << content;
    return corpus::read_key_table(folder.path() / "labels.csv", {"--labels", "user_id", column.empty() ? "label" : column, column.empty()});
}

TEST(KeyTable, finds_its_columns_by_name_or_place) {
    for (const auto& rows : {read("label,user_id\nx,u1\n"), read("\xEF\xBB\xBFuser,what\r\nu1, x \r\n"), read("a\tb\n\nu1\tx"),
                             read("user_id,other,label\nu1,y,x\nu2,y,\n,y,z\n"), read("user_id,other,kind\n\"u1\",y,\"x\"\n", "kind")}) {
        ASSERT_EQ(rows.size(), 1U);
        EXPECT_EQ(rows[0].key, "u1");
        EXPECT_EQ(rows[0].value, "x");
        EXPECT_EQ(rows[0].record, 1);
    }
}

void expect_unreadable(const std::string& content, base::ErrorKind kind, const std::string& text, const std::string& column = "") {
    try {
        read(content, column);
        FAIL() << "no error: " << text;
    } catch (const base::Error& error) {
        EXPECT_EQ(error.kind(), kind) << error.what();
        EXPECT_THAT(error.what(), testing::AllOf(testing::HasSubstr("--labels"), testing::HasSubstr(text)));
    }
}

TEST(KeyTable, refuses_what_is_no_such_table) {
    using base::ErrorKind;
    expect_unreadable("", ErrorKind::input, "empty");
    expect_unreadable("user_id,label\nu1\n", ErrorKind::input, "record 1 has 1 fields");
    expect_unreadable("user_id,label\n\"u1,x\n", ErrorKind::input, "record 1");
    expect_unreadable("user_id,label\nu1,\xC4\xE3\n", ErrorKind::input, "UTF-8");
    expect_unreadable("user_id\nu1\n", ErrorKind::usage, "no column 'label'");
    expect_unreadable("user_id,label\nu1,x\n", ErrorKind::usage, "no column 'kind'; the header has user_id, label", "kind");
    EXPECT_THROW(corpus::read_key_table("nowhere.csv", {"--labels", "user_id", "label", true}), base::Error);
}

}  // namespace
}  // namespace kohort::train
