// The training texts of a corpus as token ids, each rank holding the partitions it owns and no other rank's.
// Partitions are read once, in contiguous ranges balanced by their text; only a step's sampled sequences travel. What a rank
// keeps in memory is bounded: a few bytes a text, a bit a token where words matter, and ids up to a limit.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "corpus/user_document.h"
#include "parallel/communicator.h"
#include "text/text_marks.h"
#include "text/tokenizer.h"
#include "train/token_array.h"
#include "train/tokenised_partition.h"

namespace kohort::train {

// What a sample is: a user of the store's UserSample (with two different texts, if nothing else is asked for), or one text of
// one user.
enum class SampleUnit { user, text };

struct StoreOptions {
    UserRule users;
    bool words = false;       // remember where words begin
    std::int64_t memory = 0;  // most bytes of ids in memory; 0: an eighth of what is free, shared with this node's ranks
};

// The partitions of each rank: rank r owns [result[r], result[r + 1]). Ranges may be empty.
std::vector<std::int32_t> split_by_bytes(const std::vector<std::int64_t>& text_bytes, int ranks);

class TokenStore {
  public:
    using PartitionSource = std::function<corpus::Partition(std::int32_t)>;

    // Collective. Reads this rank's partitions through `source` and tokenises each user's different texts, as tokenise()
    // says. `threads` partitions are worked on at a time.
    TokenStore(parallel::Communicator& comm, const corpus::CorpusInfo& info, const PartitionSource& source,
               const text::Tokenizer& tokenizer, int threads, std::int64_t most_ids, const StoreOptions& options = {});

    // From RUN/corpus/.
    TokenStore(parallel::Communicator& comm, const std::filesystem::path& run, const text::Tokenizer& tokenizer,
               int threads, std::int64_t most_ids = 128, const StoreOptions& options = {});

    // Samples in the whole corpus. They are numbered by partition, user and text, whoever owns them.
    std::int64_t samples(SampleUnit unit) const { return offsets(unit).back(); }
    std::int64_t users() const { return users_; }  // with any text at all

    // The rank that owns a sample.
    int owner(SampleUnit unit, std::int64_t sample) const;

    // This rank's users with any text, in their order. Numbers are of the whole corpus.
    struct User {
        std::int64_t number;                 // among all users with any text
        std::int64_t sample;                 // as SampleUnit::user; -1 where the user is none
        std::int64_t first_text, last_text;  // [first, last) as SampleUnit::text
    };
    void visit_users(const std::function<void(const User&)>& visit) const;

    // For samples that this rank owns: the different texts of a user, and the ids of one text.
    struct TextRange {
        std::int64_t first, count;
    };
    TextRange texts_of_user(std::int64_t sample) const;
    std::span<const text::TokenId> ids_of_text(std::int64_t text) const;  // `text` numbered as SampleUnit::text
    bool goes_on(std::int64_t text, std::int64_t place) const;            // with StoreOptions::words: see WordStarts

    // The pairs (a query and an item, or a text and a category) of a user with such, as ids; and the labels of a labelled one.
    using IdPair = std::pair<std::span<const text::TokenId>, std::span<const text::TokenId>>;
    std::int64_t pairs_of_user(std::int64_t sample) const;
    IdPair pair_of_user(std::int64_t sample, std::int64_t pair) const;
    std::span<const std::int32_t> labels_of_user(std::int64_t sample) const;

    UserSample user_sample() const { return user_sample_; }
    bool knows_words() const { return knows_words_; }
    const text::SpecialTokens& special() const { return special_; }
    const text::TextMarks& marks() const { return marks_; }
    std::int64_t vocabulary_size() const { return vocabulary_size_; }

  private:
    const std::vector<std::int64_t>& offsets(SampleUnit unit) const {
        return unit == SampleUnit::user ? user_offsets_ : text_offsets_;
    }

    struct SampleUser {
        TextRange texts;
        std::int64_t first_pair, first_label;
    };
    void add(const TokenisedPartition& partition);
    void add_categories(const text::Tokenizer& tokenizer, std::int64_t most_ids);
    std::size_t local_user(std::int64_t sample) const;
    std::size_t local_text(std::int64_t text) const { return static_cast<std::size_t>(text - text_offsets_[static_cast<std::size_t>(rank_)]); }

    text::SpecialTokens special_;
    text::TextMarks marks_;
    UserSample user_sample_;
    bool knows_words_;
    std::int64_t vocabulary_size_ = 0, users_ = 0;
    std::vector<std::int64_t> user_offsets_, text_offsets_;  // [ranks + 1] first sample of each rank
    std::int64_t first_user_ = 0;                            // number of this rank's first user with any text

    // All of this rank's own. Texts are numbered from 0 here.
    struct AnyUser {
        std::int64_t end;  // texts up to this user's last
        bool sample;
    };
    std::vector<AnyUser> any_users_;         // with any text
    std::vector<SampleUser> sample_users_;   // one more at the end, which closes the last
    std::vector<std::pair<std::int64_t, std::int64_t>> pairs_;  // (text, text or category)
    std::vector<std::int32_t> labels_;
    TokenArray texts_, categories_;
    std::vector<bool> goes_on_;              // [tokens of texts_]
    std::vector<std::string> category_names_;
    std::unordered_map<std::string, std::int64_t> category_places_;
    int rank_ = 0;
};

}  // namespace kohort::train
