// Folders that are not quite a model: each problem is named in the message.
#include "model/pretrained.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/atomic_file.h"
#include "model/bert.h"
#include "model/device.h"
#include "model/safetensors.h"
#include "shared_data.h"

namespace kohort::model {
namespace {

using testing::HasSubstr;

class Pretrained : public testing::Test {
  protected:
    void SetUp() override {
        config_.vocab_size = 20;
        config_.hidden_size = 8;
        config_.num_hidden_layers = 1;
        config_.num_attention_heads = 2;
        config_.intermediate_size = 12;
        config_.max_position_embeddings = 10;
        model_ = make_model(config_, 1);
        save_model(folder_.path(), *model_);
    }
    // Writes the weights again after `change` has seen the list of tensors.
    template <class Change>
    void rewrite(Change change) {
        std::vector<std::vector<float>> storage;
        std::vector<TensorView> tensors;
        for (const auto& parameter : model_->parameters()) {
            const auto* first = parameter.value.data_ptr<float>();
            storage.emplace_back(first, first + parameter.value.numel());
            tensors.push_back({parameter.name, ElementType::f32, parameter.value.sizes().vec(), {}});
            tensors.back().bytes = std::as_bytes(std::span<const float>(storage.back()));
        }
        change(tensors);
        write_safetensors(folder_.path() / "model.safetensors", tensors);
    }
    void expect_refused(int exit_code, const std::string& message) {
        try {
            load_encoder(folder_.path());
            ADD_FAILURE() << "loaded; expected: " << message;
        } catch (const base::Error& error) {
            EXPECT_EQ(error.exit_code(), exit_code);
            EXPECT_THAT(error.what(), HasSubstr(message));
        }
    }
    ModelConfig config_;
    std::shared_ptr<Encoder> model_;
    TemporaryFolder folder_;
};

TEST_F(Pretrained, names_a_missing_tensor) {
    rewrite([](auto& tensors) { tensors.erase(tensors.begin() + 3); });
    expect_refused(3, "missing: embeddings.LayerNorm.weight");
}

TEST_F(Pretrained, names_a_surplus_tensor) {
    rewrite([](auto& tensors) {
        tensors.push_back(tensors[3]);
        tensors.back().name = "encoder.layer.1.output.LayerNorm.weight";
    });
    expect_refused(3, "surplus: encoder.layer.1.output.LayerNorm.weight");
}

TEST_F(Pretrained, names_a_misshapen_tensor) {
    rewrite([](auto& tensors) { tensors[0].shape = {8, 20}; });
    expect_refused(3, "of another shape: embeddings.word_embeddings.weight ([8, 20] instead of [20, 8])");
}

TEST_F(Pretrained, refuses_a_weight_with_and_without_the_prefix) {
    rewrite([](auto& tensors) {
        tensors.push_back(tensors[0]);
        tensors.back().name = "bert." + tensors[0].name;
    });
    expect_refused(3, "are the same weight");
}

TEST_F(Pretrained, accepts_the_prefix_old_names_and_heads) {
    rewrite([](auto& tensors) {
        for (auto& tensor : tensors) {
            if (tensor.name.ends_with("LayerNorm.weight")) tensor.name.replace(tensor.name.size() - 6, 6, "gamma");
            if (tensor.name.ends_with("LayerNorm.bias")) tensor.name.replace(tensor.name.size() - 4, 4, "beta");
            tensor.name = "bert." + tensor.name;
        }
        tensors.push_back(tensors[3]);
        tensors.back().name = "cls.predictions.bias";
        tensors.push_back(tensors[3]);
        tensors.back().name = "bert.pooler.dense.bias";
    });
    const auto again = load_encoder(folder_.path());
    for (std::size_t i = 0; i < again->parameters().size(); ++i)
        EXPECT_TRUE(torch::equal(again->parameters()[i].value, model_->parameters()[i].value));
}

TEST_F(Pretrained, reads_weights_stored_as_halves) {
    const std::vector<std::uint16_t> ones(8, 0x3C00);
    rewrite([&](auto& tensors) {
        tensors[3].type = ElementType::f16;
        tensors[3].bytes = std::as_bytes(std::span<const std::uint16_t>(ones));
    });
    EXPECT_TRUE(torch::equal(load_encoder(folder_.path())->parameters()[3].value, torch::ones({8})));
}

TEST_F(Pretrained, a_folder_without_config_or_weights_is_a_usage_error) {
    std::filesystem::remove(folder_.path() / "model.safetensors");
    expect_refused(2, "has no model.safetensors");
    std::filesystem::remove(folder_.path() / "config.json");
    expect_refused(2, "there is no");
}

TEST_F(Pretrained, an_unknown_model_type_is_a_usage_error) {
    base::write_file_atomically(folder_.path() / "config.json", R"({"model_type": "mamba"})");
    expect_refused(2, "the model type \"mamba\" is not known");
}

TEST(ModelConfig, keeps_everything_through_json) {
    ModelConfig config;
    config.vocab_size = 77;
    config.hidden_act = Activation::relu;
    config.layer_norm_eps = 1e-7;
    config.initializer_range = 0.013;
    EXPECT_EQ(parse_model_config(to_json(config), "config.json"), config);
}

TEST(ModelConfig, takes_missing_values_from_hugging_faces_defaults) {
    EXPECT_EQ(parse_model_config(R"({"model_type":"bert"})", "config.json"), ModelConfig());
}

TEST(ModelConfig, refuses_what_would_be_computed_wrongly) {
    const auto message_of = [](const std::string& fields) -> std::string {
        try {
            parse_model_config("{\"model_type\":\"bert\"," + fields + "}", "config.json");
        } catch (const base::Error& error) {
            return error.exit_code() == 2 ? error.what() : "wrong kind";
        }
        return "accepted";
    };
    EXPECT_THAT(message_of(R"("position_embedding_type":"relative_key")"), HasSubstr("position_embedding_type"));
    EXPECT_THAT(message_of(R"("is_decoder":true)"), HasSubstr("is_decoder"));
    EXPECT_THAT(message_of(R"("hidden_act":"swish")"), HasSubstr("swish"));
    EXPECT_THAT(message_of(R"("hidden_size":"wide")"), HasSubstr("hidden_size"));
    EXPECT_THAT(message_of(R"("hidden_size":100)"), HasSubstr("does not divide"));
    EXPECT_THAT(message_of(R"("num_hidden_layers":0)"), HasSubstr("num_hidden_layers"));
    EXPECT_THAT(message_of(R"("num_hidden_layers":1000000000)"), HasSubstr("num_hidden_layers = 1000000000"));
    EXPECT_THAT(message_of(R"("pad_token_id":30522)"), HasSubstr("pad_token_id"));
    EXPECT_THAT(message_of(R"("vocab_size")"), HasSubstr("not a JSON object"));
}

TEST(Device, knows_its_words) {
    EXPECT_FALSE(choose_device("cpu", 3).cuda);
    EXPECT_THROW(choose_device("gpu", 0), base::Error);
    EXPECT_THROW(choose_precision("fp8", {}), base::Error);
    EXPECT_EQ(name_of(choose_precision("bf16", {})), "bf16");
    EXPECT_EQ(describe({}), "cpu");
}

TEST(Device, cuda_without_a_gpu_is_an_environment_error) {
    if (torch::cuda::is_available()) {
        EXPECT_EQ(choose_device("cuda", 0).index, 0);
        return;
    }
    EXPECT_FALSE(choose_device("auto", 0).cuda);
    try {
        choose_device("cuda", 0);
        FAIL() << "no error";
    } catch (const base::Error& error) {
        EXPECT_EQ(error.exit_code(), 4);
#if defined(KOHORT_WITH_CUDA)
        EXPECT_THAT(error.what(), HasSubstr("is built with CUDA but finds none"));
#else
        EXPECT_THAT(error.what(), HasSubstr("is built without CUDA"));
#endif
    }
}

TEST(Device, measures_some_speed) { EXPECT_GT(measure_gemm(), 0.01); }

}  // namespace
}  // namespace kohort::model
