#include "train/token_store.h"

#include <algorithm>
#include <numeric>
#include <string_view>
#include <unordered_set>

#include "base/stop_signal.h"
#include "base/error.h"
#include "base/worker_threads.h"
#include "parallel/collectives.h"

namespace kohort::train {
namespace {

// One partition's texts: users[u] of them belong to user u, ids[t] of the ids to text t.
struct TokenisedPartition {
    std::vector<std::int64_t> texts_per_user, ids_per_text;
    std::vector<text::TokenId> ids;
};

TokenisedPartition tokenise(const corpus::Partition& partition, const text::Tokenizer& tokenizer, std::int64_t most_ids) {
    TokenisedPartition result;
    std::vector<text::TokenId> ids;
    for (const corpus::UserDocument& user : partition.users) {
        std::unordered_set<std::string_view> seen;  // asked, never walked through
        std::int64_t texts = 0;
        for (const corpus::Event& event : user.events) {
            if (event.text.empty() || !seen.insert(event.text).second) continue;
            ids.clear();
            tokenizer.encode(event.text, ids);
            if (ids.empty()) continue;
            const auto kept = std::min<std::int64_t>(static_cast<std::int64_t>(ids.size()), most_ids);
            result.ids.insert(result.ids.end(), ids.begin(), ids.begin() + kept);
            result.ids_per_text.push_back(kept);
            ++texts;
        }
        result.texts_per_user.push_back(texts);
    }
    return result;
}

// [ranks + 1]: where each rank's share of the samples begins.
std::vector<std::int64_t> offsets_by_rank(parallel::Communicator& comm, std::int64_t own) {
    const auto counts = parallel::all_gather(comm, std::span<const std::int64_t>(&own, 1));
    std::vector<std::int64_t> offsets(counts.size() + 1, 0);
    std::partial_sum(counts.begin(), counts.end(), offsets.begin() + 1);
    return offsets;
}

}  // namespace

std::vector<std::int32_t> split_by_bytes(const std::vector<std::int64_t>& text_bytes, int ranks) {
    // A partition costs a little even when it is empty, so that empty ones are spread too.
    std::vector<std::int64_t> before(text_bytes.size() + 1, 0);
    for (std::size_t p = 0; p < text_bytes.size(); ++p) before[p + 1] = before[p] + text_bytes[p] + 1;
    std::vector<std::int32_t> first(static_cast<std::size_t>(ranks) + 1, static_cast<std::int32_t>(text_bytes.size()));
    for (int rank = 0; rank < ranks; ++rank) {
        // The cut nearest to the rank's fair share of what lies before it.
        const double fair = static_cast<double>(before.back()) * rank / ranks;
        const auto at = std::lower_bound(before.begin(), before.end(), fair,
                                         [](std::int64_t bytes, double wanted) { return static_cast<double>(bytes) < wanted; });
        auto cut = at - before.begin();
        if (cut > 0 && fair - static_cast<double>(before[static_cast<std::size_t>(cut) - 1]) < static_cast<double>(*at) - fair) --cut;
        first[static_cast<std::size_t>(rank)] = static_cast<std::int32_t>(cut);
    }
    return first;
}

TokenStore::TokenStore(parallel::Communicator& comm, const corpus::CorpusInfo& info, const PartitionSource& source,
                       const text::Tokenizer& tokenizer, int threads, std::int64_t most_ids)
    : special_(tokenizer.special()), marks_(text::find_text_marks(tokenizer)), vocabulary_size_(tokenizer.vocabulary_size()),
      rank_(comm.rank()) {
    const auto first = split_by_bytes(info.text_bytes, comm.size());
    const std::int32_t begin = first[static_cast<std::size_t>(rank_)], end = first[static_cast<std::size_t>(rank_) + 1];
    std::vector<TokenisedPartition> own(static_cast<std::size_t>(end - begin));
    base::parallel_for(threads, end - begin, [&](std::int64_t i) {
        comm.check_peers();
        base::leave_if_stop_requested("tokenizing");
        own[static_cast<std::size_t>(i)] = tokenise(source(begin + static_cast<std::int32_t>(i)), tokenizer, most_ids);
    });

    std::int64_t texts = 0, users = 0;
    for (TokenisedPartition& partition : own) {
        for (const std::int64_t count : partition.texts_per_user) {
            if (count >= 1) ++users;
            if (count >= 2) pair_users_.push_back({texts, count});
            texts += count;
            if (count >= 1) user_ends_.push_back(texts);
        }
        for (const std::int64_t count : partition.ids_per_text) id_offsets_.push_back(id_offsets_.back() + count);
        ids_.insert(ids_.end(), partition.ids.begin(), partition.ids.end());
        partition = {};
    }
    user_offsets_ = offsets_by_rank(comm, static_cast<std::int64_t>(pair_users_.size()));
    text_offsets_ = offsets_by_rank(comm, texts);
    first_user_ = parallel::exclusive_sum(comm, users);
    users_ = parallel::all_sum(comm, users);
    for (TextRange& range : pair_users_) range.first += text_offsets_[static_cast<std::size_t>(rank_)];
}

TokenStore::TokenStore(parallel::Communicator& comm, const std::filesystem::path& run, const text::Tokenizer& tokenizer,
                       int threads, std::int64_t most_ids)
    : TokenStore(comm, corpus::read_corpus_info(run),
                 [&run](std::int32_t partition) { return corpus::read_partition(run, partition); }, tokenizer, threads, most_ids) {}

void TokenStore::visit_users(const std::function<void(const User&)>& visit) const {
    const std::int64_t first_text = text_offsets_[static_cast<std::size_t>(rank_)];
    std::int64_t sample = user_offsets_[static_cast<std::size_t>(rank_)], begin = 0;
    for (std::size_t u = 0; u < user_ends_.size(); ++u) {
        const std::int64_t end = user_ends_[u];
        visit({first_user_ + static_cast<std::int64_t>(u), end - begin >= 2 ? sample++ : -1, first_text + begin, first_text + end});
        begin = end;
    }
}

int TokenStore::owner(SampleUnit unit, std::int64_t sample) const {
    const auto& first = offsets(unit);
    return static_cast<int>(std::upper_bound(first.begin(), first.end(), sample) - first.begin()) - 1;
}

TokenStore::TextRange TokenStore::texts_of_user(std::int64_t sample) const {
    return pair_users_.at(static_cast<std::size_t>(sample - user_offsets_[static_cast<std::size_t>(rank_)]));
}

std::span<const text::TokenId> TokenStore::ids_of_text(std::int64_t text) const {
    const auto local = static_cast<std::size_t>(text - text_offsets_[static_cast<std::size_t>(rank_)]);
    const std::int64_t begin = id_offsets_.at(local), end = id_offsets_.at(local + 1);
    return {ids_.data() + begin, static_cast<std::size_t>(end - begin)};
}

}  // namespace kohort::train
