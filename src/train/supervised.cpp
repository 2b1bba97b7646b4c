// The supervised objective over all ranks: a linear head on users' vectors learns the labels that people gave them.
#include <nlohmann/json.hpp>

#include "model/classifier_head.h"
#include "model/encoder.h"
#include "model/weights.h"
#include "train/objective.h"
#include "train/supervised_loss.h"
#include "train/vector_step.h"

namespace kohort::train {
namespace {

using Json = nlohmann::ordered_json;

class Supervised : public Objective {
  public:
    Supervised(const TrainOptions& options, const model::Encoder& encoder)
        : draw_{options.seed, options.side_events, options.drop_tokens, options.max_tokens, PairKind::halves},
          most_texts_(2 * options.side_events), labels_(options.labels), multi_label_(options.multi_label),
          hidden_(encoder.sizes().hidden), config_(Json::parse(encoder.config_json())) {}

    std::string_view name() const override { return "supervised"; }
    SampleUnit unit() const override { return SampleUnit::user; }
    std::vector<Sequence> draw(const TokenStore& store, std::int64_t sample, std::int64_t position) const override {
        return draw_user(store, sample, position, most_texts_, draw_);
    }
    std::vector<std::int32_t> note(const TokenStore& store, std::int64_t sample, std::int64_t) const override {
        const auto labels = store.labels_of_user(sample);
        return {labels.begin(), labels.end()};
    }

    std::unique_ptr<model::Head> make_head(model::TensorSource source) const override {
        return std::make_unique<model::ClassifierHead>(hidden_, std::ssize(labels_), std::move(source));
    }
    model::TensorSource fresh_head() const override { return model::random_weights(model::ModelConfig{}, draw_.seed); }
    std::optional<model::HeadFormat> head_format() const override {
        // transformers has a head of this form (a weight and a bias on the pooled vector) for BERT; beside another family's
        // encoder it lies under the same names.
        const bool bert = config_["model_type"] == "bert";
        Json names = Json::object(), places = Json::object();
        for (std::size_t i = 0; i < labels_.size(); ++i) {
            names[std::to_string(i)] = labels_[i];
            places[labels_[i]] = i;
        }
        const Json kind = multi_label_ ? "multi_label_classification" : "single_label_classification";
        return model::HeadFormat{bert ? "BertForSequenceClassification" : config_["architectures"][0].get<std::string>(),
                                 bert ? "bert." : "",
                                 {{"id2label", names.dump()}, {"label2id", places.dump()}, {"problem_type", kind.dump()}}};
    }

    StepResult compute(const StepContext& step) override {
        const auto instance = step.model.instance(false);
        const auto& head = static_cast<const model::ClassifierHead&>(*instance.head);
        SupervisedLoss result;
        carry_back(step, [&](const torch::Tensor& vectors) {
            result = supervised_loss(vectors, step.sequences.per_sample, step.sequences.notes, head.weight(), head.bias(), multi_label_);
            // Every rank has the whole gradient of the head, so one of them adds it.
            if (step.gradients && step.comm.is_root()) {
                const std::size_t tensors = step.model.masters().size();
                step.gradients->add(tensors - 2, result.weight_gradient.to(step.model.device()));
                step.gradients->add(tensors - 1, result.bias_gradient.to(step.model.device()));
            }
            return result.gradient;
        });
        return {result.loss, std::ssize(step.sequences.samples), result.score};
    }

  private:
    DrawOptions draw_;
    std::int64_t most_texts_;
    std::vector<std::string> labels_;
    bool multi_label_;
    std::int64_t hidden_;
    Json config_;
};

}  // namespace

std::unique_ptr<Objective> make_supervised_objective(const TrainOptions& options, const model::Encoder& encoder) {
    return std::make_unique<Supervised>(options, encoder);
}

}  // namespace kohort::train
