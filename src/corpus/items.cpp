#include "corpus/items.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/hash.h"
#include "corpus/record_parser.h"
#include "parallel/collectives.h"

namespace kohort::corpus {
namespace {

constexpr std::uint32_t not_found = ~std::uint32_t{0};

void append_sized(std::vector<char>& bytes, std::string_view text) {
    const auto size = static_cast<std::uint32_t>(text.size());
    const auto* raw = reinterpret_cast<const char*>(&size);
    bytes.insert(bytes.end(), raw, raw + sizeof size);
    bytes.insert(bytes.end(), text.begin(), text.end());
}

// Takes what append_sized appended from the front; false for `not_found`.
bool take_sized(std::string_view& bytes, std::string_view& text) {
    std::uint32_t size;
    std::memcpy(&size, bytes.data(), sizeof size);
    bytes.remove_prefix(sizeof size);
    if (size == not_found) return false;
    text = bytes.substr(0, size);
    bytes.remove_prefix(size);
    return true;
}

std::string_view view_of(const std::vector<char>& bytes) { return {bytes.data(), bytes.size()}; }

}  // namespace

ItemCatalogue::ItemCatalogue(parallel::Communicator& comm, InputSet& input, const CatalogueMapping& mapping,
                             std::int64_t round_bytes, Quarantine& quarantine)
    : comm_(comm), shuffle_(comm, round_bytes) {
    CatalogueParser parser(mapping, input.files()[0].grammar.format, input.encoding(0));
    std::string id, text;
    std::array<std::int64_t, 3> counts{};  // read, rejected, kept
    for (bool more = true; parallel::all_max(comm, more ? 1 : 0) != 0;) {
        while (more && !shuffle_.round_is_full()) {
            more = input.next();
            if (!more) break;
            ++counts[0];
            const auto& record = input.record();
            if (const auto reason = parser.parse(record, id, text); reason != Reason::none) {
                ++counts[1];
                quarantine.add(input.files()[0].name, record.offset, record.length, reason);
            } else {
                shuffle_.add(0, record.offset, id, text);
            }
        }
        shuffle_.exchange();
    }
    items_ = shuffle_.sorted();
    items_.erase(std::unique(items_.begin(), items_.end(), same_key), items_.end());
    counts[2] = static_cast<std::int64_t>(items_.size());
    parallel::all_reduce(comm, std::span<std::int64_t>(counts), parallel::ReduceOperation::sum);
    report_ = {counts[0], counts[2], counts[1], counts[0] - counts[1] - counts[2]};
}

std::unordered_map<std::string, std::string> ItemCatalogue::look_up(const std::vector<std::string_view>& wanted,
                                                                    std::size_t round_items) {
    std::unordered_map<std::string, std::string> texts;
    const auto ranks = static_cast<std::size_t>(comm_.size());
    const auto rounds = parallel::all_max(comm_, static_cast<std::int64_t>((wanted.size() + round_items - 1) / round_items));
    for (std::int64_t round = 0; round < rounds; ++round) {
        const auto first = std::min(static_cast<std::size_t>(round) * round_items, wanted.size());
        const auto last = std::min(first + round_items, wanted.size());
        std::vector<std::vector<std::string_view>> asked(ranks);
        std::vector<std::vector<char>> questions(ranks), answers(ranks);
        for (auto i = first; i < last; ++i) {
            const auto owner = static_cast<std::size_t>(owner_of_hash(base::hash64(wanted[i]), comm_.size()));
            asked[owner].push_back(wanted[i]);
            append_sized(questions[owner], wanted[i]);
        }
        const auto received = parallel::all_to_all(comm_, questions);
        for (std::size_t r = 0; r < ranks; ++r) answers[r] = answer(received[r]);
        const auto replies = parallel::all_to_all(comm_, answers);
        for (std::size_t r = 0; r < ranks; ++r) {
            auto bytes = view_of(replies[r]);
            for (const auto item : asked[r])
                if (std::string_view text; take_sized(bytes, text)) texts.emplace(item, text);
        }
    }
    return texts;
}

std::vector<char> ItemCatalogue::answer(const std::vector<char>& questions) const {
    std::vector<char> answers;
    for (auto bytes = view_of(questions); !bytes.empty();) {
        std::string_view item;
        take_sized(bytes, item);
        const auto found = std::lower_bound(items_.begin(), items_.end(), std::pair(base::hash64(item), item),
                                            [](const KeyedRecord& a, const auto& b) { return std::pair(a.hash, a.key) < b; });
        if (found != items_.end() && found->key == item) {
            append_sized(answers, found->value);
        } else {
            const auto* raw = reinterpret_cast<const char*>(&not_found);
            answers.insert(answers.end(), raw, raw + sizeof not_found);
        }
    }
    return answers;
}

}  // namespace kohort::corpus
