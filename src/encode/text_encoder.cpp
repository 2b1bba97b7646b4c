#include "encode/text_encoder.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_map>

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

// With `unit` the row is scaled to length 1, its squares added in double in order; a zero row stays.
template <class Number>
void finish_row(std::span<const Number> row, bool unit, std::span<float> out) {
    double squares = 0;
    for (const Number x : row) squares += static_cast<double>(x) * x;
    if (!std::isfinite(squares))
        base::fail(ErrorKind::input, "the model gives a vector that is not finite; are its weights damaged, or has its training run away?");
    const double scale = !unit ? 1 : squares > 0 ? 1 / std::sqrt(squares) : 0;
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

std::string_view name_of(Pooling pooling) {
    return pooling == Pooling::cls ? "cls" : pooling == Pooling::last ? "last" : "mean";
}

struct TextEncoder::State {
    std::unique_ptr<const model::Encoder> model;
    const text::Tokenizer* tokenizer;
    TextEncoderOptions options;
    std::size_t special_tokens;  // what an empty text has
    SpecialTokensAround around;  // a text's windows; none without a tokenizer
};

// What is to be computed: one sequence a text, or its windows one after another.
struct TextEncoder::Sequences {
    std::size_t texts = 0, long_texts = 0;
    std::vector<std::vector<std::int32_t>> ids;
    std::vector<std::int64_t> lengths;
    std::vector<std::size_t> text_of;  // sequence -> text

    void add(std::size_t text, std::vector<std::int32_t> sequence) {
        lengths.push_back(static_cast<std::int64_t>(sequence.size()));
        ids.push_back(std::move(sequence));
        text_of.push_back(text);
    }
    // As add(), of a text's windows.
    void add_all(std::size_t text, std::vector<std::vector<std::int32_t>> windows) {
        long_texts += windows.size() > 1;
        for (auto& window : windows) add(text, std::move(window));
    }
};

TextEncoder::TextEncoder(const model::Encoder& model, const text::Tokenizer* tokenizer, const TextEncoderOptions& options) {
    const auto sizes = model.sizes();
    if (options.max_tokens > sizes.longest)
        base::fail(ErrorKind::usage, "--max-tokens {} is more than the model's {} positions", options.max_tokens,
                   sizes.longest);
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
    const bool windows = options.long_texts == LongTexts::windows;
    const auto room = options.max_tokens - static_cast<std::int64_t>(special_tokens);
    if (windows && (options.window_overlap < 0 || options.window_overlap >= room))
        base::fail(ErrorKind::usage, "--window-overlap {} leaves a window of {} tokens nothing of its own: give 0 to {}",
                   options.window_overlap, room, room - 1);
    const auto type = options.precision == model::Precision::bf16 ? torch::kBFloat16 : torch::kFloat;
    state_ =
        std::make_unique<State>(State{model.copy(model::torch_device(options.device), type), tokenizer, options, special_tokens,
                                      windows && tokenizer ? SpecialTokensAround(*tokenizer) : SpecialTokensAround()});
    kept_memory_.emplace();  // what laying the weights out took goes back first
}

TextEncoder::~TextEncoder() = default;

std::int64_t TextEncoder::vocabulary() const {
    return state_->model->sizes().vocabulary;
}
std::int64_t TextEncoder::dimension() const { return state_->model->sizes().hidden; }

EncodedTexts TextEncoder::encode(std::span<const std::string_view> texts) const {
    const auto& options = state_->options;
    const bool windows = options.long_texts == LongTexts::windows;
    const auto most =
        windows ? std::numeric_limits<std::int64_t>::max() : options.max_tokens + 1;  // one more tells a long text
    Sequences sequences{texts.size(), 0, {}, {}, {}};
    for (std::size_t i = 0; i < texts.size(); ++i) {
        auto ids = state_->tokenizer->encode_for_model(texts[i], most);
        if (ids.size() <= state_->special_tokens) continue;
        if (windows) {
            sequences.add_all(i,
                              split_into_windows(std::move(ids), state_->around, options.max_tokens, options.window_overlap));
        } else if (static_cast<std::int64_t>(ids.size()) > options.max_tokens) {
            ++sequences.long_texts;
            sequences.add(i, state_->tokenizer->encode_for_model(texts[i], options.max_tokens));
        } else {
            sequences.add(i, std::move(ids));
        }
    }
    return encode_sequences(std::move(sequences));
}

EncodedTexts TextEncoder::encode_ids(std::span<const std::vector<std::int32_t>> texts) const {
    const auto& options = state_->options;
    Sequences sequences{texts.size(), 0, {}, {}, {}};
    for (std::size_t i = 0; i < texts.size(); ++i) {
        auto ids = texts[i];
        for (const auto id : ids)
            if (id < 0 || id >= state_->model->sizes().vocabulary)
                base::fail(ErrorKind::input, "token id {} is none of the {} that the model embeds", id,
                           state_->model->sizes().vocabulary);
        if (ids.empty()) continue;
        if (options.long_texts == LongTexts::windows) {
            sequences.add_all(i, split_into_windows(std::move(ids), {}, options.max_tokens, options.window_overlap));
            continue;
        }
        sequences.long_texts += static_cast<std::int64_t>(ids.size()) > options.max_tokens;
        ids.resize(std::min(ids.size(), static_cast<std::size_t>(options.max_tokens)));
        sequences.add(i, std::move(ids));
    }
    return encode_sequences(std::move(sequences));
}

EncodedTexts TextEncoder::encode_sequences(Sequences sequences) const {
    const c10::InferenceMode inference;
    at::set_num_threads(1);  // of this thread's batches: more threads would change the last bits
    const auto width = static_cast<std::size_t>(dimension());
    const auto& options = state_->options;
    EncodedTexts result{std::vector<float>(sequences.texts * width), std::vector<std::uint8_t>(sequences.texts), 0,
                        static_cast<std::int64_t>(sequences.long_texts)};
    std::vector<std::int64_t> windows(sequences.texts), tokens(sequences.texts);
    for (std::size_t s = 0; s < sequences.ids.size(); ++s) {
        result.has_tokens[sequences.text_of[s]] = 1;
        result.tokens += sequences.lengths[s];
        tokens[sequences.text_of[s]] += sequences.lengths[s];
        ++windows[sequences.text_of[s]];
    }

    std::unordered_map<std::size_t, std::vector<double>> sums;  // of texts with several windows; looked up only
    for (const auto& members : plan_batches(sequences.lengths, options.batch_tokens)) {
        parallel::heartbeat();
        base::leave_if_stop_requested("encoding");
        std::vector<std::vector<std::int32_t>> rows;
        for (const auto member : members) rows.push_back(std::move(sequences.ids[static_cast<std::size_t>(member)]));
        const auto batch = model::make_batch(rows, state_->model->sizes().padding, state_->model->device());
        const auto hidden = state_->model->forward(batch);
        const auto pooled = pool(hidden, batch.lengths, options.pooling).to(torch::kCPU).contiguous();
        for (std::size_t row = 0; row < members.size(); ++row) {
            const std::size_t text = sequences.text_of[static_cast<std::size_t>(members[row])];
            const std::span<const float> vector{pooled.data_ptr<float>() + row * width, width};
            const std::span<float> out{result.vectors.data() + text * width, width};
            if (tokens[text] == sequences.lengths[static_cast<std::size_t>(members[row])]) {
                finish_row(vector, options.unit, out);
                continue;
            }
            auto& sum = sums.try_emplace(text, width, 0.0).first->second;
            const double share = static_cast<double>(sequences.lengths[static_cast<std::size_t>(members[row])]) /
                                 static_cast<double>(tokens[text]);
            for (std::size_t j = 0; j < width; ++j) sum[j] += share * vector[j];
            if (--windows[text] > 0) continue;
            finish_row(std::span<const double>(sum), options.unit, out);
            sums.erase(text);
        }
    }
    return result;
}

}  // namespace kohort::encode
