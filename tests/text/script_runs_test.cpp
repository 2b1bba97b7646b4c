#include "text/script_runs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "text/utf8.h"

namespace kohort::text {
namespace {

using testing::ElementsAre;

std::vector<std::string> runs_of(std::string_view text) {
    std::vector<std::string> runs;
    const std::u32string characters = to_code_points(text);
    for (const auto run : script_runs(characters)) runs.push_back(to_utf8(run));
    return runs;
}

TEST(ScriptRuns, end_where_the_script_does) {
    EXPECT_THAT(runs_of("iPhone15手机壳,新款!! 3.5寸"),
                ElementsAre("iPhone", "15", "手机壳", ",", "新款", "!", "!", "3", ".", "5", "寸"));
    EXPECT_THAT(runs_of("東京タワーへ々〇〆切 Ωмир"), ElementsAre("東京タワーへ々〇〆切", "Ω", "мир"));
    EXPECT_THAT(runs_of("e\u0301te\u0301 \u0301x"), ElementsAre("e\u0301te\u0301", "\u0301", "x"));
    EXPECT_THAT(runs_of("\u3000 a\u00A0b\u2028c\t"), ElementsAre("a", "b", "c"));
    EXPECT_THAT(runs_of("①२४½Ⅷ😀👍"), ElementsAre("①२४½Ⅷ", "😀", "👍"));
    EXPECT_TRUE(runs_of("").empty());
}

}  // namespace
}  // namespace kohort::text
