#include "report/csv.h"

#include <gtest/gtest.h>

#include <vector>

namespace kohort::report {
namespace {

TEST(Csv, quotes_what_rfc_4180_asks_for) {
    EXPECT_EQ(csv_cell("plain"), "plain");
    EXPECT_EQ(csv_cell("a,b"), "\"a,b\"");
    EXPECT_EQ(csv_cell("say \"hi\""), "\"say \"\"hi\"\"\"");
}

TEST(Csv, formulas_do_not_run_in_a_spreadsheet) {
    for (const char* attack : {"=1+1", "+1", "-1", "@SUM(A1)", "\t=1"}) EXPECT_EQ(csv_cell(attack), std::string("'") + attack);
    EXPECT_EQ(csv_cell("=HYPERLINK(\"x\",\"y\")"), "\"'=HYPERLINK(\"\"x\"\",\"\"y\"\")\"");
    EXPECT_EQ(csv_cell("1-1"), "1-1");
}

TEST(Csv, a_record_is_one_physical_line) {
    EXPECT_EQ(csv_cell("a\r\nb"), "a  b");
    EXPECT_EQ(csv_row(std::vector<std::string>{"a", "", "c"}), "a,,c\n");
}

}  // namespace
}  // namespace kohort::report
