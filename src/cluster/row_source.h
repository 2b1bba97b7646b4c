// Rows that lie elsewhere, in files as a rule, and are read when they are needed.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace kohort::cluster {

class RowSource {
  public:
    struct Range {
        std::int64_t first_row, rows;  // global ids first_row, first_row + 1, …
    };

    virtual ~RowSource() = default;

    virtual std::string name() const { return "the vectors"; }  // in messages
    virtual std::int64_t dimensions() const = 0;
    // This rank's rows.
    virtual const std::vector<Range>& ranges() const = 0;
    // Rows [first, first + into.size() / dimensions()) of a range. Called by one thread at a time.
    virtual void read(std::size_t range, std::int64_t first, std::span<float> into) const = 0;
};

}  // namespace kohort::cluster
