// What people want to know of each segment: its size, its terms, the users nearest its centre and what they read.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "corpus/user_document.h"
#include "parallel/communicator.h"
#include "segment/term_table.h"

namespace kohort::segment {

// One partition's users with what clustering said of them; rows as in the partition files.
struct LabelledPartition {
    corpus::Partition documents;
    std::vector<std::int32_t> segments;          // [users] row of the centroid, 0 … k-1
    std::vector<float> distances, margins;       // [users]
    std::vector<float> map;                      // [users, 2]
};

// RUN/corpus/part-NNNNN.h5 with RUN/segment/part-NNNNN.h5. Error(environment) where the two do not fit.
// `numbers` gives the number of each row of the centroids, to turn stored numbers back into rows.
LabelledPartition read_labelled_partition(const std::filesystem::path& run, std::int32_t partition,
                                          const std::vector<std::int32_t>& numbers);

struct Exemplar {
    double distance = 0;
    std::int32_t partition = 0, row = 0;
    std::string user;
    std::vector<std::string> texts;  // up to three of the user's, the most telling first
};

struct SegmentProfile {
    std::int32_t number = 0;         // stays with the segment from run to run
    std::string tag;
    std::int64_t users = 0, events = 0;
    std::vector<Term> terms;
    std::vector<Exemplar> exemplars; // by distance
};

struct ProfileOptions {
    TermOptions terms;
    std::int64_t exemplars = 5;
};

// Collective. `mine` are the partitions this rank reads; together the ranks read each once.
// `table` is filled with the whole corpus's counts and can then be asked for log-lifts. Profiles come in the order
// of `numbers`, without tags.
std::vector<SegmentProfile> profile_segments(parallel::Communicator& comm, const std::filesystem::path& run,
                                             const std::vector<std::int32_t>& mine,
                                             const std::vector<std::int32_t>& numbers, const TermExtractor& extractor,
                                             TermTable& table, const ProfileOptions& options);

// The user's own best terms: those of the segment's list that the user's texts hold, by how many of the texts hold
// them and then by score; filled up with the user's most frequent other terms.
std::vector<std::string> user_terms(const TermExtractor& extractor, const corpus::UserDocument& user,
                                    const std::vector<Term>& segment_terms, std::size_t most);

// The user's newest event that has a text, or "".
const std::string& newest_text(const corpus::UserDocument& user);

}  // namespace kohort::segment
