// What training puts on top of an encoder: from token vectors to the scores that its objective compares.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "model/checkpointed.h"
#include "model/layers.h"

namespace kohort::model {

class Head : public CheckpointedModel {
  public:
    virtual ~Head() = default;
    virtual const std::vector<Parameter>& parameters() const = 0;  // in the training order
};

// How a folder holds an encoder with a head on top, so that transformers loads both.
struct HeadFormat {
    std::string architecture;    // in config.json: "BertForMaskedLM"
    std::string encoder_prefix;  // of the encoder's tensors, as the architecture names them: "bert."
    std::vector<std::pair<std::string, std::string>> config;  // further entries of config.json: key and JSON text
};

// A trained head, to be saved beside its encoder.
struct HeadWeights {
    HeadFormat format;
    std::vector<Parameter> parameters;
};

}  // namespace kohort::model
