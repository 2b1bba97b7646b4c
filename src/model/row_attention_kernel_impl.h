// The kernel of row_attention.h for the instruction set that the including file is compiled for (see row_lanes.h).
#include "model/row_kernels.h"
#include "model/row_lanes.h"

namespace kohort::model {
namespace {

// out [Rows, 16 Columns] = a [Rows, terms] b [terms, 16 Columns]
template <int Rows, int Columns>
void multiply_block(const float* a, std::int64_t a_stride, const float* b, std::int64_t b_stride, std::int64_t terms,
                    float* out, std::int64_t out_stride) {
    Lanes sums[Rows][Columns] = {};
    for (std::int64_t k = 0; k < terms; ++k) {
        Lanes right[Columns];
        for (int column = 0; column < Columns; ++column) right[column] = load(b + k * b_stride + column * lanes);
        for (int row = 0; row < Rows; ++row) {
            const Lanes left = every(a[row * a_stride + k]);
            for (int column = 0; column < Columns; ++column) sums[row][column] = fused(left, right[column], sums[row][column]);
        }
    }
    for (int row = 0; row < Rows; ++row)
        for (int column = 0; column < Columns; ++column) store(out + row * out_stride + column * lanes, sums[row][column]);
}

// columns: a multiple of 16
template <int Rows>
void multiply_rows(const float* a, std::int64_t a_stride, const float* b, std::int64_t b_stride, std::int64_t terms,
                   std::int64_t columns, float* out, std::int64_t out_stride) {
    std::int64_t column = 0;
    for (; column + 2 * lanes <= columns; column += 2 * lanes)
        multiply_block<Rows, 2>(a, a_stride, b + column, b_stride, terms, out + column, out_stride);
    if (column < columns) multiply_block<Rows, 1>(a, a_stride, b + column, b_stride, terms, out + column, out_stride);
}

// scores [padded] become e^(score - largest) of the first `count`, then 0; returns one over their sum. What is no number is
// never the largest, and makes the sum none.
inline float softmax(float* scores, std::int64_t count, std::int64_t padded) {
    constexpr float least = -__builtin_inff();
    const std::int64_t whole = count / lanes * lanes;
    Lanes highest = every(least);
    for (std::int64_t j = 0; j < whole; j += lanes) highest = larger(highest, load(scores + j));
    if (whole < count) highest = larger(highest, first_lanes(load(scores + whole), count - whole, least));
    const float largest = largest_of(highest);
    Lanes sums = {};
    for (std::int64_t j = 0; j < padded; j += lanes) {
        const Lanes below = load(scores + j) - largest;
        Lanes some = each([&](int i) { return exponential(below.part[i]); });
        if (j + lanes > count) some = first_lanes(some, count > j ? count - j : 0, 0);
        store(scores + j, some);
        sums = sums + some;
    }
    return 1 / sum_of(sums);
}

template <int RowsAtOnce, class Value>
class Attention {
  public:
    explicit Attention(const AttentionRows& rows)
        : joined_(static_cast<const Value*>(rows.joined)),
          result_(static_cast<Value*>(rows.result)),
          tokens_(rows.tokens),
          heads_(rows.heads),
          width_(rows.width),
          causal_(rows.causal),
          padded_tokens_((rows.tokens + lanes - 1) / lanes * lanes),
          padded_width_((rows.width + lanes - 1) / lanes * lanes),
          scale_(rows.scale),
          by_distance_(rows.by_distance),
          reach_(rows.reach),
          query_(rows.scratch),
          keys_(query_ + tokens_ * width_),
          values_(keys_ + width_ * padded_tokens_),
          scores_(values_ + tokens_ * padded_width_),
          sums_(scores_ + RowsAtOnce * padded_tokens_) {}

    void run() {
        for (std::int64_t head = 0; head < heads_; ++head) {
            gather(head);
            std::int64_t row = 0;
            for (; row + RowsAtOnce <= tokens_; row += RowsAtOnce) attend<RowsAtOnce>(head, row);
            if (RowsAtOnce > 4 && row + 4 <= tokens_) attend<4>(head, row), row += 4;
            if (row + 2 <= tokens_) attend<2>(head, row), row += 2;
            for (; row < tokens_; ++row) attend<1>(head, row);
        }
    }

  private:
    // The head's keys, one column a token; its queries, scaled; its values.
    void gather(std::int64_t head) {
        const std::int64_t size = heads_ * width_, whole = width_ / lanes * lanes;
        const Value* const queries = joined_ + head * width_;
        // Keys first: a few rows behind their last one are written as well, where the values go.
        for (std::int64_t first = 0; first < padded_tokens_; first += lanes) gather_keys(queries + size, first);
        for (std::int64_t token = 0; token < tokens_; ++token) {
            const Value* from = queries + token * 3 * size;
            float* const query = query_ + token * width_;
            float* const value = values_ + token * padded_width_;
            for (std::int64_t i = 0; i < whole; i += lanes) {
                store(query + i, load(from + i) * scale_);
                store(value + i, load(from + 2 * size + i));
            }
            for (std::int64_t i = whole; i < width_; ++i) query[i] = to_float(from[i]) * scale_;
            if (whole < width_) store(value + whole, load_some(from + 2 * size + whole, width_ - whole));
        }
    }

    // Sixteen columns of the keys, so that what is written lies together; zeros behind the last token.
    void gather_keys(const Value* keys, std::int64_t first) {
        const std::int64_t stride = 3 * heads_ * width_, count = tokens_ - first < lanes ? tokens_ - first : lanes;
        for (std::int64_t i = 0; i < width_; i += lanes) {
            const std::int64_t terms = width_ - i < lanes ? width_ - i : lanes;
            float block[lanes * lanes];  // [tokens, terms]
            for (std::int64_t token = 0; token < lanes; ++token) {
                const Value* from = keys + (first + token) * stride + i;
                store(block + token * lanes, token >= count ? Lanes{} : terms == lanes ? load(from) : load_some(from, terms));
            }
            for (std::int64_t term = 0; term < terms; term += 4)
                for (std::int64_t token = 0; token < lanes; token += 4)
                    transpose_quarter(block + token * lanes + term, lanes, keys_ + (i + term) * padded_tokens_ + first + token,
                                      padded_tokens_);
        }
    }

    void add_by_distance(std::int64_t head, std::int64_t row, float* scores) const {
        const float* from = by_distance_ + head * distance_values(reach_) + reach_ - 1 - row;
        for (std::int64_t j = 0; j < tokens_; j += lanes) store(scores + j, load(scores + j) + load(from + j));
    }

    template <int Rows>
    void attend(std::int64_t head, std::int64_t row) {
        const std::int64_t seen = causal_ ? row + Rows : tokens_, columns = (seen + lanes - 1) / lanes * lanes;
        multiply_rows<Rows>(query_ + row * width_, width_, keys_, padded_tokens_, width_, columns, scores_, padded_tokens_);
        float factors[Rows];
        if (by_distance_)
            for (std::int64_t i = 0; i < Rows; ++i) add_by_distance(head, row + i, scores_ + i * padded_tokens_);
        for (std::int64_t i = 0; i < Rows; ++i)
            factors[i] = softmax(scores_ + i * padded_tokens_, causal_ ? row + i + 1 : tokens_, columns);
        multiply_rows<Rows>(scores_, padded_tokens_, values_, padded_width_, seen, padded_width_, sums_, padded_width_);
        for (std::int64_t i = 0; i < Rows; ++i) {
            Value* to = result_ + ((row + i) * heads_ + head) * width_;
            const float* const from = sums_ + i * padded_width_;
            std::int64_t j = 0;
            for (; j + lanes <= width_; j += lanes) store(to + j, load(from + j) * factors[i]);
            for (; j < width_; ++j) round_to(from[j] * factors[i], to[j]);
        }
    }

    const Value* joined_;
    Value* result_;
    std::int64_t tokens_, heads_, width_;
    bool causal_;
    std::int64_t padded_tokens_, padded_width_;
    float scale_;
    const float* by_distance_;
    std::int64_t reach_;
    float *query_, *keys_, *values_, *scores_, *sums_;
};

template <int RowsAtOnce>
void attend_rows(const AttentionRows& rows) {
    if (rows.type == RowType::bfloat16)
        Attention<RowsAtOnce, std::uint16_t>(rows).run();
    else
        Attention<RowsAtOnce, float>(rows).run();
}

}  // namespace
}  // namespace kohort::model
