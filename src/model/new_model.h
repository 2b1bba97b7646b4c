// A model that starts from fresh weights, of whatever family. No torch type stands here, so that jobs need none.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace kohort::model {

class Encoder;

struct NewModel {
    std::string family = "bert";  // or "gpt2", "t5"
    std::int64_t vocabulary = 30522;
    std::int64_t layers = 2, hidden = 128, heads = 4, intermediate = 256;
    std::int64_t positions = 128;        // of bert and gpt2: the longest sequence
    std::int64_t padding = 0, end = 0;   // token ids; end: behind a text (of t5)
    double dropout = 0;                  // as bert's config.json says it
};

// The longest sequence of such a model. Error(usage) for numbers that make no model.
std::int64_t check_new_model(const NewModel& model);

// With the weights of the family's random_weights() (weights.h, gpt2.h, t5_config.h). Errors as above.
std::shared_ptr<Encoder> make_model(const NewModel& model, std::uint64_t seed);

}  // namespace kohort::model
