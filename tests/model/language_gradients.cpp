// Computes a language model's loss on given rows and its gradients, for a comparison with programs that are not ours.
// Usage: language_gradients FOLDER ROWS.json OUT
// ROWS.json: "rows" of token ids, and "targets": for masked models a row of the same length, -1 where nothing is guessed;
// for a t5 what the decoder writes; for a gpt2 none. Prints the mean loss; OUT/model.safetensors gets the gradients under the
// names that Hugging Face's class has for the weights.
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/atomic_file.h"
#include "base/error.h"
#include "model/bert.h"
#include "model/gpt2.h"
#include "model/head.h"
#include "model/mlm_head.h"
#include "model/pretrained.h"
#include "model/stored_head.h"
#include "model/t5.h"
#include "model/t5_decoder.h"
#include "model/weights.h"

namespace {

using namespace kohort;
using Rows = std::vector<std::vector<std::int32_t>>;

// Scores of all targets, and the targets.
struct Guesses {
    torch::Tensor scores;
    std::vector<std::int64_t> targets;
};

model::TensorSource blank() {
    return [](const std::string&, torch::IntArrayRef shape) { return torch::zeros(shape); };
}

template <class Head, class Config>
std::unique_ptr<Head> read_head(const std::filesystem::path& folder, const Config& config) {
    return std::make_unique<Head>(config, model::stored_head(folder, Head(config, blank()).parameters(), nullptr, false));
}

Guesses of_places(const torch::Tensor& hidden, const Rows& targets, std::int64_t ahead) {
    Guesses result;
    std::vector<std::int64_t> places;
    for (std::size_t row = 0; row < targets.size(); ++row)
        for (std::int64_t place = ahead; place < std::ssize(targets[row]); ++place) {
            if (targets[row][static_cast<std::size_t>(place)] < 0) continue;
            places.push_back(static_cast<std::int64_t>(row) * hidden.size(1) + place - ahead);
            result.targets.push_back(targets[row][static_cast<std::size_t>(place)]);
        }
    result.scores = hidden.flatten(0, 1).index_select(0, torch::tensor(places, torch::kLong));
    return result;
}

int run(const std::filesystem::path& folder, const std::filesystem::path& rows_file, const std::filesystem::path& out) {
    const auto json = nlohmann::json::parse(base::read_file(rows_file));
    const Rows rows = json.at("rows"), targets = json.value("targets", Rows{});
    const auto stored = model::load_encoder(folder, false);
    const auto leaves = model::copied_weights(stored->parameters(), torch::kCPU, torch::kFloat);
    const auto encoder = stored->with_weights([&](const std::string& name, torch::IntArrayRef shape) {
        return leaves(name, shape).requires_grad_(true);  // before the model makes views of it
    });
    std::unique_ptr<model::Head> head;
    std::vector<model::Parameter> parameters = encoder->parameters();
    std::string prefix;
    const auto batch = model::make_batch(rows, encoder->sizes().padding);
    const auto want_gradients = [&] {
        for (auto& parameter : parameters) parameter.name = prefix + parameter.name;
        if (head) parameters.insert(parameters.end(), head->parameters().begin(), head->parameters().end());
        for (auto& parameter : parameters) parameter.value.requires_grad_(true);
    };
    Guesses guesses;
    if (const auto* bert = dynamic_cast<const model::Bert*>(encoder.get())) {
        prefix = bert->config().model_type == "bert" ? "bert." : "roberta.";
        head = read_head<model::MlmHead>(folder, bert->config());
        want_gradients();
        guesses = of_places(bert->forward(batch), targets, 0);
        guesses.scores = static_cast<const model::MlmHead&>(*head).forward(guesses.scores, bert->word_embeddings());
    } else if (const auto* t5 = dynamic_cast<const model::T5Encoder*>(encoder.get())) {
        head = read_head<model::T5Decoder>(folder, t5->config());
        want_gradients();
        Rows inputs = targets;
        for (auto& row : inputs) {
            guesses.targets.insert(guesses.targets.end(), row.begin(), row.end());
            row.insert(row.begin(), static_cast<std::int32_t>(t5->config().decoder_start_token_id));
            row.pop_back();
        }
        const auto& decoder = static_cast<const model::T5Decoder&>(*head);
        const auto hidden = decoder.forward(model::make_batch(inputs, 0), batch, t5->forward(batch), t5->word_embeddings());
        guesses.scores = decoder.scores(hidden, t5->word_embeddings());
    } else {
        prefix = "transformer.";
        want_gradients();
        guesses = of_places(encoder->forward(batch), rows, 1);
        guesses.scores = torch::linear(guesses.scores, encoder->word_embeddings());
    }
    const auto loss = torch::cross_entropy_loss(guesses.scores, torch::tensor(guesses.targets, torch::kLong));
    loss.backward();
    std::printf("%.9g\n", loss.item<double>());
    for (auto& parameter : parameters) parameter.value = parameter.value.grad();
    std::filesystem::create_directories(out);
    model::write_weights(out / model::weights_file, parameters);
    return 0;
}

}  // namespace

int main(int count, char** arguments) {
    try {
        if (count != 4) base::fail(base::ErrorKind::usage, "usage: language_gradients FOLDER ROWS.json OUT");
        return run(arguments[1], arguments[2], arguments[3]);
    } catch (const base::Error& error) {
        std::fprintf(stderr, "error: %s\n", error.what());
        return error.exit_code();
    }
}
