// What an instance for a step is told, seen in what it computes.
#include "train/trained_model.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "../model/recording_source.h"
#include "family_fixture.h"
#include "model/t5.h"
#include "model/t5_decoder.h"

namespace kohort::train {
namespace {

std::int64_t asked_by_decoder(const model::RecordingSource& masks) {
    return std::count_if(masks.asked.begin(), masks.asked.end(), [](const model::Asked& asked) {
        return std::get<1>(asked) >= static_cast<int>(model::DropoutSite::decoder_embeddings);
    });
}

// A block that is computed a second time asks for its masks a second time.
TEST(TrainedModel, encoder_and_head_both_compute_activations_again_where_asked) {
    for (const auto precision : {model::Precision::fp32, model::Precision::bf16}) {
        const auto encoder = model::make_model(small_new_model("t5", 2), 7);
        const auto config = dynamic_cast<const model::T5Encoder&>(*encoder).config();
        const auto decoder_of = [&](model::TensorSource values) { return std::make_unique<model::T5Decoder>(config, values); };
        TrainedModel trained(*encoder, decoder_of, model::random_weights(config, 7), precision);
        const auto source = model::make_batch({{7, 9, 11, 5, 3}, {5, 3}}, 0);
        const auto inputs = model::make_batch({{0, 8, 6}, {0, 12, 11, 3}}, 0);
        const auto targets = torch::tensor({8, 6, 3, 12, 11, 3, 3}, torch::kLong);
        const auto gradients = [&](bool checkpoints, model::RecordingSource& masks) {
            trained.checkpoint_activations(checkpoints);
            const auto instance = trained.instance(true);
            const auto& decoder = dynamic_cast<const model::T5Decoder&>(*instance.head);
            const auto& embeddings = instance.encoder->word_embeddings();
            const auto hidden = decoder.forward(inputs, source, instance.encoder->forward(source, &masks), embeddings, &masks);
            const auto loss = torch::cross_entropy_loss(decoder.scores(hidden, embeddings).to(torch::kFloat), targets);
            return torch::autograd::grad({loss}, instance.leaves);
        };
        model::RecordingSource kept_masks(0.0, 2.0), again_masks(0.0, 2.0);
        const auto kept = gradients(false, kept_masks), again = gradients(true, again_masks);
        const std::int64_t all_more = std::ssize(again_masks.asked) - std::ssize(kept_masks.asked);
        const std::int64_t decoders_more = asked_by_decoder(again_masks) - asked_by_decoder(kept_masks);
        EXPECT_EQ(decoders_more, 6 * config.num_decoder_layers) << "six sites in each of the decoder's blocks";
        EXPECT_EQ(all_more - decoders_more, 4 * config.num_layers) << "four in each of the encoder's";
        for (std::size_t t = 0; t < kept.size(); ++t) {
            const auto& name = trained.masters()[t].name;
            EXPECT_GT(kept[t].abs().max().item<double>(), 0) << name;
            EXPECT_TRUE(torch::equal(again[t].to_dense(), kept[t].to_dense())) << name;
        }
    }
}

}  // namespace
}  // namespace kohort::train
