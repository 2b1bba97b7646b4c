#include "train/token_store.h"

#include <algorithm>
#include <numeric>
#include <optional>

#include "base/error.h"
#include "base/memory.h"
#include "base/stop_signal.h"
#include "base/worker_threads.h"
#include "parallel/collectives.h"

namespace kohort::train {
namespace {

constexpr std::int64_t wave = 4;  // partitions for each thread that are tokenised before their ids are put away

std::int64_t memory_for_ids(const parallel::Communicator& comm, std::int64_t asked) {
    if (asked > 0) return asked;
    const std::int64_t free = base::available_memory();
    return free > 0 ? free / (8 * comm.topology().local_size) : std::int64_t{1} << 30;
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
                       const text::Tokenizer& tokenizer, int threads, std::int64_t most_ids, const StoreOptions& options)
    : special_(tokenizer.special()), marks_(text::find_text_marks(tokenizer)), user_sample_(options.users.sample), knows_words_(options.words),
      vocabulary_size_(tokenizer.vocabulary_size()), texts_(memory_for_ids(comm, options.memory)),
      categories_(memory_for_ids(comm, options.memory)), rank_(comm.rank()) {
    const auto first = split_by_bytes(info.text_bytes, comm.size());
    const std::int32_t begin = first[static_cast<std::size_t>(rank_)], end = first[static_cast<std::size_t>(rank_) + 1];
    std::optional<WordStarts> words;
    if (knows_words_) words.emplace(tokenizer);
    for (std::int64_t start = begin; start < end; start += wave * threads) {
        std::vector<TokenisedPartition> some(static_cast<std::size_t>(std::min<std::int64_t>(wave * threads, end - start)));
        base::parallel_for(threads, std::ssize(some), [&](std::int64_t i) {
            comm.check_peers();
            base::leave_if_stop_requested("tokenizing");
            some[static_cast<std::size_t>(i)] = tokenise(source(static_cast<std::int32_t>(start + i)), tokenizer, most_ids,
                                                         options.users, words ? &*words : nullptr);
        });
        for (const TokenisedPartition& partition : some) add(partition);
    }
    texts_.finish();
    sample_users_.push_back({{texts_.texts(), 0}, std::ssize(pairs_), std::ssize(labels_)});
    add_categories(tokenizer, most_ids);

    user_offsets_ = offsets_by_rank(comm, std::ssize(sample_users_) - 1);
    text_offsets_ = offsets_by_rank(comm, texts_.texts());
    first_user_ = parallel::exclusive_sum(comm, std::ssize(any_users_));
    users_ = parallel::all_sum(comm, std::ssize(any_users_));
}

TokenStore::TokenStore(parallel::Communicator& comm, const std::filesystem::path& run, const text::Tokenizer& tokenizer,
                       int threads, std::int64_t most_ids, const StoreOptions& options)
    : TokenStore(comm, corpus::read_corpus_info(run),
                 [&run](std::int32_t partition) { return corpus::read_partition(run, partition); }, tokenizer, threads, most_ids,
                 options) {}

void TokenStore::add(const TokenisedPartition& partition) {
    std::int64_t text = texts_.texts();
    std::size_t at = 0;
    for (const std::int64_t count : partition.ids_per_text) {
        texts_.append(std::span(partition.ids).subspan(at, static_cast<std::size_t>(count)));
        at += static_cast<std::size_t>(count);
    }
    goes_on_.insert(goes_on_.end(), partition.goes_on.begin(), partition.goes_on.end());

    std::vector<std::int64_t> category_places;
    for (const std::string& name : partition.categories) {
        const auto [found, fresh] = category_places_.try_emplace(name, std::ssize(category_names_));
        if (fresh) category_names_.push_back(name);
        category_places.push_back(found->second);
    }
    for (const TokenisedPartition::User& user : partition.users) {
        if (user.texts > 0) any_users_.push_back({text + user.texts, user.sample});
        if (user.sample) {
            sample_users_.push_back({{text, user.texts}, std::ssize(pairs_), std::ssize(labels_)});
            for (const auto& [one, other] : user.pairs)
                pairs_.emplace_back(text + one, user_sample_ == UserSample::text_and_category
                                                    ? category_places[static_cast<std::size_t>(other)]
                                                    : text + other);
            labels_.insert(labels_.end(), user.labels.begin(), user.labels.end());
        }
        text += user.texts;
    }
}

void TokenStore::add_categories(const text::Tokenizer& tokenizer, std::int64_t most_ids) {
    std::vector<text::TokenId> ids;
    for (const std::string& name : category_names_) {
        ids.clear();
        tokenizer.encode(name, ids);
        if (ids.empty()) base::fail(base::ErrorKind::input, "the category \"{}\" has no token", name);
        categories_.append(std::span<const text::TokenId>(ids).first(std::min(ids.size(), static_cast<std::size_t>(most_ids))));
    }
    categories_.finish();
    category_names_ = {};
    category_places_ = {};
}

void TokenStore::visit_users(const std::function<void(const User&)>& visit) const {
    const std::int64_t first_text = text_offsets_[static_cast<std::size_t>(rank_)];
    std::int64_t number = first_user_, sample = user_offsets_[static_cast<std::size_t>(rank_)], begin = 0;
    for (const AnyUser& user : any_users_) {
        visit({number++, user.sample ? sample++ : -1, first_text + begin, first_text + user.end});
        begin = user.end;
    }
}

int TokenStore::owner(SampleUnit unit, std::int64_t sample) const {
    const auto& first = offsets(unit);
    return static_cast<int>(std::upper_bound(first.begin(), first.end(), sample) - first.begin()) - 1;
}

std::size_t TokenStore::local_user(std::int64_t sample) const {
    return static_cast<std::size_t>(sample - user_offsets_[static_cast<std::size_t>(rank_)]);
}

TokenStore::TextRange TokenStore::texts_of_user(std::int64_t sample) const {
    const TextRange own = sample_users_.at(local_user(sample)).texts;
    return {own.first + text_offsets_[static_cast<std::size_t>(rank_)], own.count};
}

std::span<const text::TokenId> TokenStore::ids_of_text(std::int64_t text) const {
    return texts_.text(static_cast<std::int64_t>(local_text(text)));
}

bool TokenStore::goes_on(std::int64_t text, std::int64_t place) const {
    return goes_on_.at(static_cast<std::size_t>(texts_.first_token(static_cast<std::int64_t>(local_text(text))) + place));
}

std::int64_t TokenStore::pairs_of_user(std::int64_t sample) const {
    const std::size_t user = local_user(sample);
    return sample_users_.at(user + 1).first_pair - sample_users_.at(user).first_pair;
}

TokenStore::IdPair TokenStore::pair_of_user(std::int64_t sample, std::int64_t pair) const {
    const auto& [one, other] = pairs_.at(static_cast<std::size_t>(sample_users_.at(local_user(sample)).first_pair + pair));
    return {texts_.text(one), (user_sample_ == UserSample::text_and_category ? categories_ : texts_).text(other)};
}

std::span<const std::int32_t> TokenStore::labels_of_user(std::int64_t sample) const {
    const std::size_t user = local_user(sample);
    const auto begin = sample_users_.at(user).first_label, end = sample_users_.at(user + 1).first_label;
    return {labels_.data() + begin, static_cast<std::size_t>(end - begin)};
}

}  // namespace kohort::train
