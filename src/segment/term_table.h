// Counts of terms by segment over the whole corpus, and the terms that tell a segment from the rest (c-TF-IDF).
// A term is a word or a phrase of two or three adjacent words. Counts are int64 and merged by the hash of the term, so that
// the result depends neither on ranks nor on the order of users.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "parallel/communicator.h"
#include "segment/term_extractor.h"

namespace kohort::segment {

struct Term {
    std::string text;           // as people read it: 数码相机, machine learning
    double score = 0;           // c-TF-IDF, rounded to 1e-6
    double lift = 0;            // share of the segment's texts with the term / share of all texts, rounded to 1e-6
    double user_lift = 0;       // the same for users
    std::int64_t texts = 0;     // texts of the segment with the term
    std::int64_t users = 0;     // users of the segment with the term
};

struct TermOptions {
    std::int64_t top = 30;          // terms kept a segment
    std::int64_t least_texts = 3;   // a term in fewer texts of the segment is chance
    double least_cohesion = 0.4;    // of a phrase: normalised pointwise mutual information (Bouma 2009) of its words
};

class TermTable {
  public:
    // `segments` is the number of segments, equal on all ranks.
    TermTable(parallel::Communicator& comm, std::int64_t segments);

    // The texts of one user who belongs to `segment`. Local.
    void add_user(const TermExtractor& extractor, std::int32_t segment, std::span<const std::string_view> texts);

    // Collective: sends what was added since the last call to the terms' owners, which bounds local memory.
    void exchange();

    // Collective: after the last exchange(). The best terms of each segment, best first: [segments][<= top].
    // score = (texts with the term / all term occurrences of the segment) * log(1 + A / f), where A is the mean
    // number of occurrences a segment and f the term's count (Grootendorst 2022, BERTopic, section 3.3).
    std::vector<std::vector<Term>> best_terms(const TermOptions& options);

    // Collective: the log-lift by segment of each of `terms` (equal on all ranks): [terms][segments]; 0 where a term
    // is unknown. Smoothed by half a text.
    std::vector<std::vector<double>> log_lifts(const std::vector<std::string>& terms);

  private:
    struct Counts {
        std::vector<std::int64_t> texts, users;  // by segment
    };
    void count(const std::string& term, std::int32_t segment, std::int64_t texts, std::int64_t users);
    Counts& entry(std::unordered_map<std::string, Counts>& table, const std::string& term) const;
    std::vector<std::int64_t> word_counts(const std::vector<std::string>& words);

    parallel::Communicator& comm_;
    std::int64_t segments_;
    std::unordered_map<std::string, Counts> local_;
    std::map<std::string, Counts> owned_;      // the terms whose hash falls to this rank; sorted
    std::vector<std::int64_t> texts_, users_;  // local totals by segment
};

}  // namespace kohort::segment
