// A head beside its encoder: saved for transformers' classes, read again as a start, and no matter to an encoder.
#include "model/stored_head.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "model/head.h"
#include "model/mlm_head.h"
#include "model/pretrained.h"
#include "model/t5_decoder.h"
#include "model/weights.h"
#include "shared_data.h"
#include "small_families.h"

namespace kohort::model {
namespace {

using testing::HasSubstr;

const Family& family_of(const std::string& name) {
    for (const Family& family : small_families)
        if (name == family.name) return family;
    throw std::out_of_range(name);
}

TensorSource ones() {
    return [](const std::string&, torch::IntArrayRef shape) { return torch::ones(shape); };
}

class StoredHead : public testing::Test {
  protected:
    // Saves the family's encoder, with a head of the random source.
    template <class Kind, class Config>
    std::vector<Parameter> save_with_head(const std::string& name, const Config& config, const HeadFormat& format) {
        encoder_ = random_encoder(family_of(name));
        const Kind head(config, [](const std::string&, torch::IntArrayRef shape) { return torch::randn(shape); });
        const HeadWeights weights{format, head.parameters()};
        save_model(folder_.path(), *encoder_, &weights);
        return weights.parameters;
    }
    nlohmann::json config() const { return nlohmann::json::parse(base::read_file(folder_.path() / config_file)); }
    std::string refusal_of(const std::vector<Parameter>& wanted, base::ErrorKind kind) {
        try {
            stored_head(folder_.path(), wanted, ones(), false);
        } catch (const base::Error& error) {
            EXPECT_EQ(error.kind(), kind);
            return error.what();
        }
        return "no refusal";
    }
    std::shared_ptr<Encoder> encoder_;
    TemporaryFolder folder_;
};

template <class Parameters>
void expect_equal(const TensorSource& source, const Parameters& parameters) {
    for (const Parameter& parameter : parameters)
        EXPECT_TRUE(torch::equal(source(parameter.name, parameter.value.sizes()), parameter.value)) << parameter.name;
}

TEST_F(StoredHead, is_found_again_beside_its_encoder) {
    const auto config_of = parse_model_config(family_of("bert").json, "bert");
    const auto head = save_with_head<MlmHead>("bert", config_of, {"BertForMaskedLM", "bert.", {}});
    EXPECT_EQ(config()["architectures"][0], "BertForMaskedLM");
    expect_equal(stored_head(folder_.path(), head, ones(), false), head);
    const auto again = load_encoder(folder_.path(), false);
    for (std::size_t i = 0; i < again->parameters().size(); ++i)
        EXPECT_TRUE(torch::equal(again->parameters()[i].value, encoder_->parameters()[i].value));
    const WeightFiles files(folder_.path());
    for (const auto& tensor : files.tensors()) EXPECT_TRUE(tensor.name.starts_with("bert.") || tensor.name.starts_with("cls.")) << tensor.name;
}

TEST_F(StoredHead, of_a_t5_says_what_its_decoder_is) {
    auto t5 = parse_t5_config(family_of("t5").json, "t5");
    t5.num_decoder_layers = 3;
    t5.tie_word_embeddings = false;
    const auto head = save_with_head<T5Decoder>("t5", t5, {"T5ForConditionalGeneration", "", {{"num_decoder_layers", "3"}, {"tie_word_embeddings", "false"}}});
    const auto read = parse_t5_config(config().dump(), "t5");
    EXPECT_EQ(read.num_decoder_layers, 3);
    EXPECT_FALSE(read.tie_word_embeddings);
    expect_equal(stored_head(folder_.path(), head, ones(), false), head);
}

TEST_F(StoredHead, is_fresh_where_the_folder_has_none) {
    encoder_ = random_encoder(family_of("roberta"));
    save_model(folder_.path(), *encoder_);
    const MlmHead head(parse_model_config(family_of("roberta").json, "roberta"), ones());
    expect_equal(stored_head(folder_.path(), head.parameters(), ones(), false), head.parameters());
}

TEST_F(StoredHead, with_missing_or_misshapen_tensors_is_refused) {
    const auto config_of = parse_model_config(family_of("bert").json, "bert");
    auto head = save_with_head<MlmHead>("bert", config_of, {"BertForMaskedLM", "bert.", {}});
    head.push_back({"cls.predictions.more", torch::ones({2})});
    EXPECT_THAT(refusal_of(head, base::ErrorKind::input), HasSubstr("missing: cls.predictions.more"));
    head.pop_back();
    head.back().value = torch::ones({14});
    EXPECT_THAT(refusal_of(head, base::ErrorKind::input), HasSubstr("cls.predictions.bias ([13] instead of [14])"));
}

TEST_F(StoredHead, with_scores_of_their_own_is_refused_but_for_t5) {
    save_model(folder_.path(), *random_encoder(family_of("gpt2")));
    auto untied = config();
    untied["tie_word_embeddings"] = false;
    base::write_file_atomically(folder_.path() / config_file, untied.dump());
    EXPECT_THAT(refusal_of({}, base::ErrorKind::usage), HasSubstr("tie_word_embeddings"));
}

}  // namespace
}  // namespace kohort::model
