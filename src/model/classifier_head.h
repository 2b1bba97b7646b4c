// A linear head on a vector of a text or a user: a score for each label.
#pragma once

#include "model/head.h"

namespace kohort::model {

class ClassifierHead : public Head {
  public:
    // Tensor names: classifier.weight [labels, hidden] and classifier.bias, as in Hugging Face's
    // BertForSequenceClassification.
    ClassifierHead(std::int64_t hidden, std::int64_t labels, TensorSource source) {
        ParameterList list(std::move(source));
        linear_ = Linear(list, "classifier", hidden, labels);
        parameters_ = list.take();
    }

    const torch::Tensor& weight() const { return linear_.weight; }
    const torch::Tensor& bias() const { return linear_.bias; }

    const std::vector<Parameter>& parameters() const override { return parameters_; }

  private:
    Linear linear_;
    std::vector<Parameter> parameters_;
};

}  // namespace kohort::model
