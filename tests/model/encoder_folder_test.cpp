// Folders of every family: what is saved is read again, in one file or in shards and in any float type; and a folder that
// is not quite a model is refused with the names of what is wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "model/pretrained.h"
#include "shared_data.h"
#include "small_families.h"

namespace kohort::model {
namespace {

using testing::HasSubstr;

std::string refusal(const std::function<void()>& work, int exit_code) {
    try {
        work();
    } catch (const base::Error& error) {
        EXPECT_EQ(error.exit_code(), exit_code) << error.what();
        return error.what();
    }
    return "nothing was refused";
}

class EncoderFolder : public testing::TestWithParam<Family> {
  protected:
    void SetUp() override {
        original_ = random_encoder(GetParam());
        tensors_ = stored(*original_);
        base::write_file_atomically(folder_.path() / config_file, GetParam().json);
    }
    void write() { write_tensors(folder_.path() / weights_file, tensors_); }
    torch::Tensor vectors(const Encoder& encoder) const {
        return encoder.forward(make_batch({{2, 4, 6, 8, 10, 12, 2, 5, 7}, {5}, {12, 9, 0, 5}}, encoder.sizes().padding));
    }
    void expect_the_original(const Encoder& encoder) const {
        ASSERT_EQ(encoder.parameters().size(), original_->parameters().size());
        for (std::size_t i = 0; i < encoder.parameters().size(); ++i)
            EXPECT_TRUE(torch::equal(encoder.parameters()[i].value, original_->parameters()[i].value))
                << encoder.parameters()[i].name;
        EXPECT_TRUE(torch::equal(vectors(encoder), vectors(*original_)));
    }

    const torch::NoGradGuard no_gradients_;
    TemporaryFolder folder_;
    std::shared_ptr<Encoder> original_;
    StoredTensors tensors_;
};

TEST_P(EncoderFolder, what_is_saved_is_read_again_and_saved_with_the_same_bytes) {
    const auto first = save_model(folder_.path() / "1", *original_);
    const auto again = load_encoder(folder_.path() / "1");
    expect_the_original(*again);
    const auto second = save_model(folder_.path() / "2", *again);
    ASSERT_EQ(first.size(), 2u);
    for (std::size_t i = 0; i < 2; ++i) EXPECT_EQ(first[i].sha256, second[i].sha256) << first[i].name;
    EXPECT_EQ(again->sizes().longest, original_->sizes().longest);
    EXPECT_EQ(check_encoder(folder_.path() / "1"), original_->sizes().longest);
    EXPECT_EQ(model_files(folder_.path() / "1"), (std::vector<std::string>{"config.json", "model.safetensors"}));
}

TEST_P(EncoderFolder, the_prefix_of_full_checkpoints_is_fine) {
    for (auto& tensor : tensors_) tensor.name = GetParam().prefix + tensor.name;
    write();
    expect_the_original(*load_encoder(folder_.path()));
}

TEST_P(EncoderFolder, shards_are_one_model) {
    write_shards(folder_.path(), tensors_, 3);
    expect_the_original(*load_encoder(folder_.path()));
    EXPECT_EQ(model_files(folder_.path()),
              (std::vector<std::string>{"config.json", "model.safetensors.index.json", "model-00001-of-00003.safetensors",
                                        "model-00002-of-00003.safetensors", "model-00003-of-00003.safetensors"}));
}

TEST_P(EncoderFolder, tensors_of_several_float_types_are_read_with_the_values_they_hold) {
    const std::vector<std::pair<ElementType, torch::ScalarType>> types{{ElementType::f32, torch::kFloat},
                                                                       {ElementType::f16, torch::kHalf},
                                                                       {ElementType::bf16, torch::kBFloat16},
                                                                       {ElementType::f64, torch::kDouble}};
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
        tensors_[i].type = types[i % types.size()].first;
        tensors_[i].value = tensors_[i].value.to(types[i % types.size()].second);
    }
    write();
    const auto read = load_encoder(folder_.path());
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
        EXPECT_EQ(read->parameters()[i].value.scalar_type(), torch::kFloat);
        EXPECT_TRUE(torch::equal(read->parameters()[i].value, tensors_[i].value.to(torch::kFloat))) << tensors_[i].name;
    }
}

TEST_P(EncoderFolder, what_is_missing_surplus_and_misshapen_is_named_in_one_error) {
    const auto misshapen = tensors_.front().name, missing = tensors_.back().name;
    tensors_.front().value = torch::ones({14, 6});
    tensors_.pop_back();
    tensors_.push_back({"something.else.weight", ElementType::f32, torch::ones({6})});
    const std::vector<std::string> parts{"missing: " + missing,
                                         "of another shape: " + misshapen + " ([14, 6] instead of [13, 6])",
                                         "surplus: something.else.weight"};
    write();
    const auto of_one_file = refusal([&] { load_encoder(folder_.path()); }, 3);
    std::filesystem::remove(folder_.path() / weights_file);
    write_shards(folder_.path(), tensors_, 2);
    const auto of_shards = refusal([&] { load_encoder(folder_.path()); }, 3);
    for (const auto& part : parts) {
        EXPECT_THAT(of_one_file, HasSubstr(part));
        EXPECT_THAT(of_shards, HasSubstr(part));
    }
    EXPECT_THAT(of_one_file, HasSubstr((folder_.path() / weights_file).string()));
    EXPECT_THAT(of_shards, HasSubstr((folder_.path() / weights_index_file).string()));
}

TEST_P(EncoderFolder, a_layer_too_many_or_too_few_is_named) {
    const auto norm = std::string(GetParam().norm);
    std::erase_if(tensors_, [&](const auto& tensor) { return tensor.name == norm; });
    write();
    EXPECT_THAT(refusal([&] { load_encoder(folder_.path()); }, 3), HasSubstr("missing: " + norm));
    tensors_ = stored(*original_);
    named(tensors_, norm).name += "s";
    write();
    for (const auto& work : std::vector<std::function<void()>>{[&] { load_encoder(folder_.path()); }, [&] { check_encoder(folder_.path()); }})
        EXPECT_THAT(refusal(work, 3), testing::AllOf(HasSubstr("missing: " + norm), HasSubstr("surplus: " + norm + "s")));
}

TEST_P(EncoderFolder, integers_are_no_weights) {
    named(tensors_, GetParam().norm) = {GetParam().norm, ElementType::i32, torch::ones({6}, torch::kInt)};
    write();
    EXPECT_THAT(refusal([&] { load_encoder(folder_.path()); }, 3),
                testing::AllOf(HasSubstr(GetParam().norm), HasSubstr("I32")));
}

TEST_P(EncoderFolder, weights_for_pickle_alone_are_refused_with_the_tool_that_converts_them) {
    for (const char* name : {"pytorch_model.bin", "pytorch_model.bin.index.json"}) {
        base::write_file_atomically(folder_.path() / name, "x");
        for (const auto& work :
             std::vector<std::function<void()>>{[&] { load_encoder(folder_.path()); }, [&] { check_encoder(folder_.path()); },
                                                [&] { model_files(folder_.path()); }})
            EXPECT_THAT(refusal(work, 2), testing::AllOf(HasSubstr(name), HasSubstr("tools/convert_pytorch_weights.py " +
                                                                                    folder_.path().string())));
        std::filesystem::remove(folder_.path() / name);
    }
    EXPECT_THAT(refusal([&] { check_encoder(folder_.path()); }, 2), HasSubstr("has no model.safetensors"));
}

INSTANTIATE_TEST_SUITE_P(Small, EncoderFolder, testing::ValuesIn(small_families),
                         [](const auto& family) { return std::string(family.param.name); });

// Tensors of full checkpoints that an encoder does not have.
TEST(EncoderFolderOf, each_family_leaves_out_heads_buffers_and_decoders) {
    const std::map<std::string, std::vector<std::string>> extra{
        {"bert",
         {"bert.embeddings.position_ids", "bert.pooler.dense.weight", "cls.predictions.bias", "cls.seq_relationship.weight",
          "classifier.weight", "qa_outputs.bias"}},
        {"roberta",
         {"roberta.embeddings.position_ids", "roberta.pooler.dense.bias", "lm_head.decoder.weight", "lm_head.layer_norm.bias",
          "classifier.out_proj.weight", "qa_outputs.weight"}},
        {"gpt2", {"transformer.h.0.attn.bias", "transformer.h.1.attn.masked_bias", "lm_head.weight", "score.weight"}},
        {"t5",
         {"decoder.block.0.layer.0.SelfAttention.q.weight", "encoder.embed_tokens.weight", "decoder.embed_tokens.weight",
          "lm_head.weight", "classification_head.dense.weight"}}};
    for (const auto& family : small_families) {
        const auto names = extra.find(family.name);
        if (names == extra.end()) continue;
        const TemporaryFolder folder;
        auto tensors = stored(*random_encoder(family));
        for (const auto& name : names->second) tensors.push_back({name, ElementType::i64, torch::ones({1, 3}, torch::kLong)});
        base::write_file_atomically(folder.path() / config_file, family.json);
        write_tensors(folder.path() / weights_file, tensors);
        EXPECT_NO_THROW(load_encoder(folder.path())) << family.name;
    }
}

TEST(EncoderFolderOf, t5_may_have_its_embeddings_under_the_encoders_name_alone) {
    const torch::NoGradGuard no_gradients;
    for (const auto& family : small_families) {
        if (std::string_view(family.name) != "t5") continue;
        const auto original = random_encoder(family);
        auto tensors = stored(*original);
        const TemporaryFolder folder;
        base::write_file_atomically(folder.path() / config_file, family.json);
        named(tensors, "shared.weight").name = "encoder.embed_tokens.weight";
        write_tensors(folder.path() / weights_file, tensors);
        const auto read = load_encoder(folder.path());
        for (std::size_t i = 0; i < original->parameters().size(); ++i)
            EXPECT_TRUE(torch::equal(read->parameters()[i].value, original->parameters()[i].value)) << original->parameters()[i].name;
    }
}

TEST(EncoderFolderOf, configurations_that_are_computed_otherwise_are_refused) {
    for (const auto& [json, part] : std::vector<std::pair<std::string, std::string>>{
             {R"({"model_type": "gpt2", "scale_attn_by_inverse_layer_idx": true})", "scale_attn_by_inverse_layer_idx"},
             {R"({"model_type": "gpt2", "n_head": 5})", "does not divide"},
             {R"({"model_type": "gpt2", "n_layer": 0})", "n_layer"},
             {R"({"model_type": "gpt2", "n_layer": 1000000000})", "n_layer = 1000000000"},
             {R"({"model_type": "t5", "num_layers": 1000000000})", "num_layers = 1000000000"},
             {R"({"model_type": "gpt2", "head_dim": 32})", "head_dim"},
             {R"({"model_type": "gpt2", "activation_function": "swish"})", "activation_function \"swish\""},
             {R"({"model_type": "bert", "hidden_act": "gelu_10"})", "hidden_act \"gelu_10\""},
             {R"({"model_type": "bert", "head_dim": 63})", "head_dim"},
             {R"({"model_type": "roberta", "hidden_act": "mish"})", "hidden_act \"mish\""},
             {R"({"model_type": "roberta", "position_embedding_type": "relative_key_query"})", "relative_key_query"},
             {R"({"model_type": "roberta", "max_position_embeddings": 2})", "no position behind"},
             {R"({"model_type": "xlm-roberta", "is_decoder": true})", "is_decoder"},
             {R"({"model_type": "t5", "feed_forward_proj": "gated-silu"})", "gated-silu"},
             {R"({"model_type": "t5", "relative_attention_num_buckets": 7})", "buckets"},
             {R"({"model_type": "t5", "d_kv": "x"})", "d_kv"},
             {R"({"model_type": "mamba"})", "mamba"},
             {R"({"vocab_size": 3})", "model type"},
             {R"([1])", "not a JSON object"}}) {
        const TemporaryFolder folder;
        base::write_file_atomically(folder.path() / config_file, json);
        EXPECT_THAT(refusal([&] { check_encoder(folder.path()); }, 2), HasSubstr(part));
        EXPECT_THAT(refusal([&] { load_encoder(folder.path()); }, 2), HasSubstr(part));
    }
}

TEST(EncoderFolderOf, families_have_their_own_defaults) {
    EXPECT_EQ(parse_model_config(R"({"model_type": "roberta"})", "").vocab_size, 50265);
    EXPECT_EQ(parse_model_config(R"({"model_type": "roberta"})", "").longest_sequence(), 510);
    EXPECT_EQ(parse_model_config(R"({"model_type": "xlm-roberta"})", "").pad_token_id, 1);
    EXPECT_EQ(parse_model_config(R"({"model_type": "bert"})", "").longest_sequence(), 512);
    EXPECT_TRUE(parse_t5_config(R"({"model_type": "mt5"})", "").gated);
    EXPECT_EQ(parse_t5_config(R"({"model_type": "mt5"})", "").num_heads, 6);
    EXPECT_FALSE(parse_t5_config(R"({"model_type": "t5"})", "").gated);
    EXPECT_EQ(parse_gpt2_config(R"({"model_type": "gpt2", "n_inner": null})", "").n_inner, 4 * 768);
}

}  // namespace
}  // namespace kohort::model
