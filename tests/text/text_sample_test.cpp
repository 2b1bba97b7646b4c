// A sample of all ranks' texts against its definition.
#include "text/text_sample.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/hash.h"
#include "random_text.h"
#include "ranked_texts.h"
#include "text/utf8.h"

namespace kohort::text {
namespace {

TEST(TextSample, is_the_lowest_hashes_that_fit) {
    RandomText noise(3);
    std::vector<std::string> texts;
    for (int i = 0; i < 300; ++i) texts.push_back(i % 4 == 0 ? "again " + std::to_string(i % 20) : noise.next());
    TextSampleOptions options;
    options.longest_text = 30;
    options.normalize = [](std::string& text) { text += '.'; };
    // By its definition.
    std::set<std::pair<std::uint64_t, std::string>> all;
    std::int64_t everything = 0;
    for (const std::string& text : texts) {
        const std::string cut(cut_to_bytes(repair_utf8(text) + '.', 30));
        if (all.emplace(base::hash64(cut, 7), cut).second) everything += static_cast<std::int64_t>(cut.size());
    }
    ASSERT_GT(everything, 2000);
    for (const std::int64_t most :
         {everything, everything - 1, std::int64_t{1000}, std::int64_t{31}, std::int64_t{1}, std::int64_t{0}}) {
        options.most_bytes = most;
        std::vector<std::string> expected;
        std::int64_t bytes = 0;
        for (const auto& [hash, text] : all) {
            bytes += static_cast<std::int64_t>(text.size());
            if (bytes > most) break;
            expected.push_back(text);
        }
        std::ranges::sort(expected);
        for (const int ranks : {1, 2, 3, 5})
            EXPECT_EQ(
                on_ranks<std::vector<std::string>>(
                    ranks,
                    [&](auto& comm) { return sample_texts(comm, share(texts, comm.rank(), ranks, ranks == 3), options); }),
                expected)
                << most << " bytes on " << ranks << " ranks";
    }
}

}  // namespace
}  // namespace kohort::text
