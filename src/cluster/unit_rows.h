// Rows of length one, for cosine similarity: between unit vectors ||x - c||^2 = 2 - 2 cos(x, c), so the nearest
// centroid is the one with the highest cosine (spherical k-means: Dhillon and Modha 2001).
#pragma once

#include "cluster/row_source.h"

namespace kohort::cluster {

// row [d] divided by its length, each component rounded once; a zero vector stays.
void make_unit(std::span<float> row);

// The rows of another source, made unit vectors as they are read.
class UnitRows : public RowSource {
  public:
    explicit UnitRows(const RowSource& source) : source_(source) {}

    std::string name() const override { return source_.name(); }
    std::int64_t dimensions() const override { return source_.dimensions(); }
    const std::vector<Range>& ranges() const override { return source_.ranges(); }
    void read(std::size_t range, std::int64_t first, std::span<float> into) const override;

  private:
    const RowSource& source_;
};

}  // namespace kohort::cluster
