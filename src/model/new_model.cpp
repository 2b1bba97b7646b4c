#include "model/new_model.h"

#include <limits>

#include "base/error.h"
#include "model/bert.h"
#include "model/gpt2.h"
#include "model/t5.h"
#include "model/weights.h"

namespace kohort::model {
namespace {

ModelConfig bert_config(const NewModel& model) {
    ModelConfig config;
    config.vocab_size = model.vocabulary;
    config.hidden_size = model.hidden;
    config.num_hidden_layers = model.layers;
    config.num_attention_heads = model.heads;
    config.intermediate_size = model.intermediate;
    config.max_position_embeddings = model.positions;
    config.pad_token_id = model.padding;
    config.hidden_dropout_prob = config.attention_probs_dropout_prob = model.dropout;
    config.check();
    return config;
}

// Their configurations are checked where they are read.
Gpt2Config gpt2_config(const NewModel& model) {
    Gpt2Config config;
    config.vocab_size = model.vocabulary;
    config.n_positions = model.positions;
    config.n_embd = model.hidden;
    config.n_layer = model.layers;
    config.n_head = model.heads;
    config.n_inner = model.intermediate;
    return parse_gpt2_config(to_json(config), "a new gpt2");
}

T5Config t5_config(const NewModel& model) {
    if (model.heads < 1 || model.hidden % model.heads != 0)
        base::fail(base::ErrorKind::usage, "a new t5: {} heads do not divide a width of {}", model.heads, model.hidden);
    T5Config config;
    config.vocab_size = model.vocabulary;
    config.d_model = model.hidden;
    config.d_kv = model.hidden / model.heads;
    config.d_ff = model.intermediate;
    config.num_layers = model.layers;
    config.num_heads = model.heads;
    config.pad_token_id = model.padding;
    config = parse_t5_config(to_json(config), "a new t5");
    config.eos_token_id = model.end;
    return config;
}

}  // namespace

std::int64_t check_new_model(const NewModel& model) {
    if (model.family == "gpt2") return gpt2_config(model).n_positions;
    if (model.family == "bert") return bert_config(model).longest_sequence();
    t5_config(model);
    return std::numeric_limits<std::int64_t>::max();
}

std::shared_ptr<Encoder> make_model(const NewModel& model, std::uint64_t seed) {
    if (model.family == "gpt2") return std::make_shared<Gpt2>(gpt2_config(model), random_weights(gpt2_config(model), seed));
    if (model.family == "bert") return std::make_shared<Bert>(bert_config(model), random_weights(bert_config(model), seed));
    return std::make_shared<T5Encoder>(t5_config(model), random_weights(t5_config(model), seed));
}

}  // namespace kohort::model
