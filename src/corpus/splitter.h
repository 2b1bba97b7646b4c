// Splits input files over ranks by byte ranges, so that every record belongs to exactly one rank.
//
// What a record is depends on where the one before it ends (csv_reader.h), so a rank cannot know by itself where
// its first record starts: its range may begin inside a quoted field. Each rank guesses (the first line start in
// its range), walks to the end of its range, and tells where its last record ends. Where that is not what the next
// rank guessed, the next rank walks again from there until it meets its own earlier walk, which happens within a
// few records. This repeats until nothing changes, so that the result is the walk of one rank over the whole file,
// whatever the ranks and however the input looks.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "corpus/record_cursor.h"
#include "parallel/communicator.h"

namespace kohort::corpus {

struct SplitFile {
    std::int64_t size = 0;   // bytes in the file system
    bool whole = false;      // compressed: one rank reads all of it
};

// The bytes [begin, end) of a file; end is the largest int64 where the size is unknown.
struct Stretch {
    std::int32_t file = 0;
    std::int64_t begin = 0, end = 0;
};

// This rank's stretches, in order of (file, begin); those of all ranks in rank order cover every byte once.
// Boundaries are multiples of `granularity` within each file.
std::vector<Stretch> stretches_of(std::span<const SplitFile> files, int rank, int ranks, std::int64_t granularity);

// A stretch, its bytes, and where its first record starts.
struct OpenStretch {
    Stretch stretch;
    std::unique_ptr<InputWindow> window;
    std::int64_t first = 0;  // a record start >= stretch.begin; >= stretch.end where no record starts in it
};

// Collective. Finds every stretch's first record; data_start[file] is where a file's first record starts, and
// grammars[file] how its records look.
void find_first_records(parallel::Communicator& comm, std::vector<OpenStretch>& stretches,
                        std::span<const std::int64_t> data_start, std::span<const RecordGrammar> grammars);

}  // namespace kohort::corpus
