// A made-up corpus of users who search and then look at items, with words of several letters, for pairs that events give.
#pragma once

#include "corpus_fixture.h"

namespace kohort::train {

// Behaviours "pv" and "search". Items i0 … i19 have each a text and a category of three. Some users never search, some have
// no text at all; every fourth partition is empty.
inline MadeCorpus make_shop(int users, int partitions) {
    const base::Philox random(7, base::RandomPurpose::synthetic_corpus);
    const auto word = [&](std::uint64_t which) {
        std::string text;
        for (std::uint64_t i = 0; i < 1 + random.below(4, which, 0); ++i) text += static_cast<char>('a' + random.below(26, which, 1 + i));
        return text;
    };
    MadeCorpus made;
    made.info.partitions = partitions;
    made.info.behaviors = {"pv", "search"};
    made.info.text_bytes.assign(static_cast<std::size_t>(partitions), 0);
    made.partitions.resize(static_cast<std::size_t>(partitions));
    for (int p = 0; p < partitions; ++p) {
        made.partitions[static_cast<std::size_t>(p)].index = p;
        made.partitions[static_cast<std::size_t>(p)].behaviors = made.info.behaviors;
    }
    for (int u = 0; u < users; ++u) {
        const auto user = static_cast<std::uint64_t>(1000 + u);
        auto partition = static_cast<std::size_t>(random.below(static_cast<std::uint64_t>(partitions), user, 0));
        if (partition % 4 == 3) partition = 0;
        corpus::UserDocument document{"user" + std::to_string(u), {}};
        const auto events = random.below(8, user, 1);
        const bool searches = random.below(4, user, 2) != 0;
        for (std::uint64_t e = 0; e < events; ++e) {
            const auto item = random.below(20, user, 10 + 3 * e);
            if (searches && random.below(2, user, 11 + 3 * e) == 0) {
                document.events.push_back({0, 1, "", word(2000 + item % 5)});
            } else {
                const auto name = "i" + std::to_string(item);
                document.events.push_back({0, 0, name, word(3000 + item) + " " + word(4000 + item) + " " + word(2000 + item % 5)});
            }
        }
        for (const auto& event : document.events) made.info.text_bytes[partition] += std::ssize(event.text);
        made.partitions[partition].users.push_back(std::move(document));
    }
    return made;
}

inline std::string_view shop_category(std::string_view item) {
    constexpr std::string_view names[] = {"phones", "books", "shoes"};
    return item == "i3" ? std::string_view() : names[item.back() % 3];
}

// One label, or two, for most users.
inline std::vector<std::int32_t> shop_labels(std::string_view user, bool several) {
    const int digit = user.back() - '0';
    if (digit == 9) return {};
    if (several && digit % 2 == 0) return {0, 1 + digit % 2};
    return {digit % 3};
}

}  // namespace kohort::train
