#include "text/text_sample.h"

#include <algorithm>
#include <set>

#include "base/hash.h"
#include "parallel/collectives.h"
#include "text/utf8.h"

namespace kohort::text {
namespace {

using parallel::Communicator;

struct HashedText {
    std::uint64_t hash;
    std::string text;
    auto operator<=>(const HashedText&) const = default;
};

// Keeps the different texts of the lowest hashes. What is dropped is in no sample of all ranks: texts of lower hashes fill
// it already.
class LowestHashes {
  public:
    explicit LowestHashes(std::int64_t most_bytes) : most_bytes_(most_bytes) {}

    void add(std::string_view text) {
        const std::uint64_t hash = base::hash64(text, hash_seed);
        if (full_ && hash > texts_.rbegin()->hash) return;
        if (!texts_.insert({hash, std::string(text)}).second) return;
        bytes_ += static_cast<std::int64_t>(text.size());
        while (bytes_ - static_cast<std::int64_t>(texts_.rbegin()->text.size()) > most_bytes_) {
            bytes_ -= static_cast<std::int64_t>(texts_.rbegin()->text.size());
            texts_.erase(std::prev(texts_.end()));
            full_ = true;
        }
    }

    const std::set<HashedText>& texts() const { return texts_; }

  private:
    static constexpr std::uint64_t hash_seed = 7;  // other than those of partitions and of words
    std::int64_t most_bytes_, bytes_ = 0;
    std::set<HashedText> texts_;
    bool full_ = false;
};

// Texts one after another, each behind its length in decimal digits and a blank.
void append(std::string_view text, std::vector<char>& packet) {
    const std::string length = std::to_string(text.size()) + ' ';
    packet.insert(packet.end(), length.begin(), length.end());
    packet.insert(packet.end(), text.begin(), text.end());
}

template <class Visit>
void for_each_packed(std::string_view packet, Visit&& visit) {
    while (!packet.empty()) {
        const std::size_t blank = packet.find(' ');
        const std::size_t length = std::stoull(std::string(packet.substr(0, blank)));
        visit(packet.substr(blank + 1, length));
        packet.remove_prefix(blank + 1 + length);
    }
}

// Each text to the rank that its hash names, so that it is counted once.
LowestHashes exchange(Communicator& comm, const LowestHashes& mine, std::int64_t most_bytes) {
    std::vector<std::vector<char>> outgoing(static_cast<std::size_t>(comm.size()));
    for (const HashedText& entry : mine.texts()) append(entry.text, outgoing[entry.hash % outgoing.size()]);
    LowestHashes owned(most_bytes);
    for (const auto& packet : parallel::all_to_all(comm, outgoing))
        for_each_packed({packet.data(), packet.size()}, [&](std::string_view text) { owned.add(text); });
    return owned;
}

// The largest hash up to which all ranks' texts fit; found bit by bit. False: not even those of hash 0 do.
bool find_limit(Communicator& comm, const LowestHashes& owned, std::int64_t most_bytes, std::uint64_t& limit) {
    const auto fits = [&](std::uint64_t hash) {
        std::int64_t bytes = 0;
        for (const HashedText& entry : owned.texts()) {
            if (entry.hash > hash) break;
            bytes += static_cast<std::int64_t>(entry.text.size());
        }
        return parallel::all_sum(comm, bytes) <= most_bytes;
    };
    limit = 0;
    if (!fits(0)) return false;
    for (int bit = 63; bit >= 0; --bit)
        if (fits(limit | std::uint64_t{1} << bit)) limit |= std::uint64_t{1} << bit;
    return true;
}

}  // namespace

std::vector<std::string> sample_texts(Communicator& comm, const TextSource& source, const TextSampleOptions& options) {
    LowestHashes mine(options.most_bytes);
    std::string text;
    source([&](std::string_view given) {
        text = repair_utf8(given);
        if (options.normalize) options.normalize(text);
        if (const auto cut = cut_to_bytes(text, options.longest_text); !cut.empty()) mine.add(cut);
    });
    const LowestHashes owned = exchange(comm, mine, options.most_bytes);
    std::uint64_t limit = 0;
    std::vector<char> packet;
    if (find_limit(comm, owned, options.most_bytes, limit))
        for (const HashedText& entry : owned.texts())
            if (entry.hash <= limit) append(entry.text, packet);
    const auto all = parallel::gather(comm, std::span<const char>(packet));
    std::vector<std::string> texts;
    for_each_packed({all.data(), all.size()}, [&](std::string_view found) { texts.emplace_back(found); });
    std::ranges::sort(texts);
    return texts;
}

}  // namespace kohort::text
