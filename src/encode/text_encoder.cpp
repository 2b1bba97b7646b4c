#include "encode/text_encoder.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/stop_signal.h"
#include "encode/length_planner.h"
#include "model/encoder.h"
#include "model/layers.h"
#include "parallel/heartbeat.h"
#include "text/tokenizer.h"

namespace kohort::encode {
namespace {

using base::ErrorKind;

// Row to unit length, its squares added in double in order; a zero row stays.
void scale_to_unit(std::span<const float> row, std::span<float> out) {
    double squares = 0;
    for (const float x : row) squares += static_cast<double>(x) * x;
    if (!std::isfinite(squares))
        base::fail(ErrorKind::internal, "the model gives a vector that is not finite; were its weights damaged in training?");
    const double scale = squares > 0 ? 1 / std::sqrt(squares) : 0;
    for (std::size_t j = 0; j < row.size(); ++j) out[j] = static_cast<float>(row[j] * scale);
}

torch::Tensor pool(const torch::Tensor& hidden, const torch::Tensor& lengths, Pooling pooling) {
    switch (pooling) {
        case Pooling::cls: return model::cls_pool(hidden);
        case Pooling::last: return model::last_pool(hidden, lengths);
        case Pooling::mean: break;
    }
    return model::mean_pool(hidden, lengths);
}

}  // namespace

Pooling parse_pooling(std::string_view option) {
    if (option == "mean") return Pooling::mean;
    if (option == "cls") return Pooling::cls;
    if (option == "last") return Pooling::last;
    base::fail(ErrorKind::usage, "--pooling {} is not known; mean, cls and last are", option);
}

std::string_view name_of(Pooling pooling) { return pooling == Pooling::cls ? "cls" : pooling == Pooling::last ? "last" : "mean"; }

struct TextEncoder::State {
    std::unique_ptr<const model::Encoder> model;
    const text::Tokenizer* tokenizer;
    TextEncoderOptions options;
    std::size_t special_tokens;  // what an empty text has
};

TextEncoder::TextEncoder(const model::Encoder& model, const text::Tokenizer* tokenizer, const TextEncoderOptions& options) {
    const auto sizes = model.sizes();
    if (options.max_tokens > sizes.longest)
        base::fail(ErrorKind::usage, "--max-tokens {} is more than the model's {} positions", options.max_tokens, sizes.longest);
    std::size_t special_tokens = 0;
    if (tokenizer) {
        if (tokenizer->vocabulary_size() > sizes.vocabulary)
            base::fail(ErrorKind::usage, "the tokenizer has {} tokens, the model embeds {}: they do not belong together",
                       tokenizer->vocabulary_size(), sizes.vocabulary);
        special_tokens = tokenizer->encode_for_model("", options.max_tokens).size();
        if (options.max_tokens <= static_cast<std::int64_t>(special_tokens))
            base::fail(ErrorKind::usage, "--max-tokens {} leaves no room beside the {} special tokens of every text",
                       options.max_tokens, special_tokens);
    }
    const auto type = options.precision == model::Precision::bf16 ? torch::kBFloat16 : torch::kFloat;
    state_ = std::make_unique<State>(State{model.copy(model::torch_device(options.device), type), tokenizer, options, special_tokens});
}

TextEncoder::~TextEncoder() = default;

std::int64_t TextEncoder::dimension() const { return state_->model->sizes().hidden; }

EncodedTexts TextEncoder::encode(std::span<const std::string_view> texts) const {
    std::vector<std::vector<std::int32_t>> sequences;
    for (const auto text : texts) sequences.push_back(state_->tokenizer->encode_for_model(text, state_->options.max_tokens));
    return encode_sequences(std::move(sequences), state_->special_tokens);
}

EncodedTexts TextEncoder::encode_ids(std::span<const std::vector<std::int32_t>> texts) const {
    std::vector<std::vector<std::int32_t>> sequences;
    for (const auto& ids : texts) {
        for (const auto id : ids)
            if (id < 0 || id >= state_->model->sizes().vocabulary)
                base::fail(ErrorKind::input, "token id {} is none of the {} that the model embeds", id, state_->model->sizes().vocabulary);
        const auto length = std::min(ids.size(), static_cast<std::size_t>(state_->options.max_tokens));
        sequences.emplace_back(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(length));
    }
    return encode_sequences(std::move(sequences), 0);
}

// too_short: sequences of at most so many ids have no vector.
EncodedTexts TextEncoder::encode_sequences(std::vector<std::vector<std::int32_t>> all, std::size_t too_short) const {
    const c10::InferenceMode inference;
    at::set_num_threads(1);  // of this thread's batches: more threads would change the last bits
    const auto width = static_cast<std::size_t>(dimension());
    EncodedTexts result{std::vector<float>(all.size() * width), std::vector<std::uint8_t>(all.size()), 0};

    std::vector<std::vector<std::int32_t>> sequences;
    std::vector<std::int64_t> lengths;
    std::vector<std::size_t> text_of;  // sequence -> text
    for (std::size_t i = 0; i < all.size(); ++i) {
        auto& ids = all[i];
        if (ids.size() <= too_short) continue;
        result.has_tokens[i] = 1;
        result.tokens += static_cast<std::int64_t>(ids.size());
        lengths.push_back(static_cast<std::int64_t>(ids.size()));
        sequences.push_back(std::move(ids));
        text_of.push_back(i);
    }

    for (const auto& members : plan_batches(lengths, state_->options.batch_tokens)) {
        parallel::heartbeat();
        base::leave_if_stop_requested("encoding");
        std::vector<std::vector<std::int32_t>> rows;
        for (const auto member : members) rows.push_back(std::move(sequences[static_cast<std::size_t>(member)]));
        const auto batch = model::make_batch(rows, state_->model->sizes().padding, state_->model->device());
        const auto hidden = state_->model->encode(batch);
        const auto pooled = pool(hidden, batch.lengths, state_->options.pooling).to(torch::kCPU).contiguous();
        for (std::size_t row = 0; row < members.size(); ++row) {
            const std::size_t text = text_of[static_cast<std::size_t>(members[row])];
            scale_to_unit({pooled.data_ptr<float>() + row * width, width}, {result.vectors.data() + text * width, width});
        }
    }
    return result;
}

}  // namespace kohort::encode
