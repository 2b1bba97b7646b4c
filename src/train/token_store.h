// The training texts of a corpus as token ids, each rank holding the partitions it owns and no other rank's.
// Partitions are read once, in contiguous ranges balanced by their text; only a step's sampled sequences travel.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <vector>

#include "corpus/user_document.h"
#include "parallel/communicator.h"
#include "text/text_marks.h"
#include "text/tokenizer.h"

namespace kohort::train {

// What a sample is: a user with at least two different texts, or one text of one user.
enum class SampleUnit { user, text };

// The partitions of each rank: rank r owns [result[r], result[r + 1]). Ranges may be empty.
std::vector<std::int32_t> split_by_bytes(const std::vector<std::int64_t>& text_bytes, int ranks);

class TokenStore {
  public:
    using PartitionSource = std::function<corpus::Partition(std::int32_t)>;

    // Collective. Reads this rank's partitions through `source` and tokenises each user's different texts, in the
    // order of their first events, without special tokens; a text without tokens is left out, a long one is cut
    // to `most_ids`. `threads` partitions are worked on at a time.
    TokenStore(parallel::Communicator& comm, const corpus::CorpusInfo& info, const PartitionSource& source,
               const text::Tokenizer& tokenizer, int threads, std::int64_t most_ids);

    // From RUN/corpus/.
    TokenStore(parallel::Communicator& comm, const std::filesystem::path& run, const text::Tokenizer& tokenizer,
               int threads, std::int64_t most_ids = 128);

    // Samples in the whole corpus. They are numbered by partition, user and text, whoever owns them.
    std::int64_t samples(SampleUnit unit) const { return offsets(unit).back(); }
    std::int64_t users() const { return users_; }  // with any text at all

    // This rank's users with any text, in their order. Numbers are of the whole corpus.
    struct User {
        std::int64_t number;                 // among all users with any text
        std::int64_t sample;                 // as SampleUnit::user; -1 with fewer than two texts
        std::int64_t first_text, last_text;  // [first, last) as SampleUnit::text
    };
    void visit_users(const std::function<void(const User&)>& visit) const;

    // The rank that owns a sample.
    int owner(SampleUnit unit, std::int64_t sample) const;

    // For samples that this rank owns: the different texts of a user, or the ids of one of its texts.
    struct TextRange {
        std::int64_t first, count;
    };
    TextRange texts_of_user(std::int64_t sample) const;
    std::span<const text::TokenId> ids_of_text(std::int64_t text) const;  // `text` numbered as SampleUnit::text

    const text::SpecialTokens& special() const { return special_; }
    const text::TextMarks& marks() const { return marks_; }
    std::int64_t vocabulary_size() const { return vocabulary_size_; }

  private:
    const std::vector<std::int64_t>& offsets(SampleUnit unit) const {
        return unit == SampleUnit::user ? user_offsets_ : text_offsets_;
    }

    text::SpecialTokens special_;
    text::TextMarks marks_;
    std::int64_t vocabulary_size_ = 0, users_ = 0;
    std::vector<std::int64_t> user_offsets_, text_offsets_;  // [ranks + 1] first sample of each rank
    std::vector<TextRange> pair_users_;                      // own users with two texts or more
    std::vector<std::int64_t> user_ends_;                    // [own users with any text] own texts up to the user's last
    std::int64_t first_user_ = 0;                            // the number of the first of them
    std::vector<std::int64_t> id_offsets_{0};                // [own texts + 1]
    std::vector<text::TokenId> ids_;
    int rank_ = 0;
};

}  // namespace kohort::train
