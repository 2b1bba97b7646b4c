// Folders of sentence-transformers: what they say of pooling and length.
#include "model/sentence_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/atomic_file.h"
#include "base/error.h"
#include "shared_data.h"

namespace kohort::model {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class SentenceFolder : public testing::Test {
  protected:
    void write(const std::string& name, const std::string& bytes) const {
        std::filesystem::create_directories((folder_.path() / name).parent_path());
        base::write_file_atomically(folder_.path() / name, bytes);
    }
    SentenceSettings settings() const { return read_sentence_settings(folder_.path()); }
    std::string refusal() const {
        try {
            settings();
        } catch (const base::Error& error) {
            EXPECT_EQ(error.exit_code(), 2);
            return error.what();
        }
        return "nothing was refused";
    }
    TemporaryFolder folder_;
};

constexpr const char* usual = R"([{"type": "sentence_transformers.models.Transformer"},
    {"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}, {"type": "sentence_transformers.models.Normalize"}])";

TEST_F(SentenceFolder, says_nothing_without_its_files) {
    write("1_Pooling/config.json", R"({"pooling_mode_cls_token": true})");  // of something else, without modules.json
    EXPECT_EQ(settings().pooling, "");
    EXPECT_EQ(settings().max_tokens, 0);
    write("modules.json", usual);
    std::filesystem::remove(folder_.path() / "1_Pooling/config.json");
    EXPECT_EQ(settings().pooling, "");
}

TEST_F(SentenceFolder, names_its_pooling_and_length) {
    write("modules.json", usual);
    write("sentence_bert_config.json", R"({"max_seq_length": 256, "do_lower_case": false})");
    for (const auto& [json, pooling] : {std::pair(R"({"pooling_mode_cls_token": false, "pooling_mode_mean_tokens": true})", "mean"),
                                        {R"({"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false})", "cls"},
                                        {R"({"pooling_mode_lasttoken": true})", "last"},
                                        {R"({"pooling_mode": "lasttoken"})", "last"},
                                        {R"({"pooling_mode": "cls"})", "cls"}}) {
        write("1_Pooling/config.json", json);
        EXPECT_EQ(settings().pooling, pooling) << json;
        EXPECT_EQ(settings().max_tokens, 256);
        EXPECT_THAT(settings().not_done, ElementsAre());
    }
    for (const char* pooling : {"mean", "cls", "last"}) {
        write("1_Pooling/config.json", pooling_config(pooling, 32));
        EXPECT_EQ(settings().pooling, pooling);
    }
    EXPECT_THAT(sentence_files_in(folder_.path()), ElementsAre("modules.json", "1_Pooling/config.json", "sentence_bert_config.json"));
}

TEST_F(SentenceFolder, of_a_pooling_that_is_not_known_is_refused_unless_another_is_wanted) {
    write("modules.json", usual);
    for (const auto& [json, said] : {std::pair(R"({"pooling_mode_max_tokens": true})", "pooling_mode_max_tokens"),
                                     {R"({"pooling_mode_mean_tokens": true, "pooling_mode_cls_token": true})", "pooling_mode_"},
                                     {R"({"pooling_mode": "weightedmean"})", "weightedmean"},
                                     {"{}", "none"},
                                     {"[]", "not a JSON object"},
                                     {"{", "not JSON"}}) {
        write("1_Pooling/config.json", json);
        EXPECT_THAT(refusal(), testing::AllOf(HasSubstr(said), HasSubstr("1_Pooling/config.json")));
        EXPECT_EQ(read_sentence_settings(folder_.path(), /*pooling_wanted=*/false).pooling, "");
    }
}

TEST_F(SentenceFolder, names_modules_that_are_not_applied_and_refuses_what_is_no_list) {
    write("modules.json", R"([{"type": "sentence_transformers.models.Transformer"}, {"type": "sentence_transformers.models.Dense"}])");
    write("sentence_bert_config.json", R"({"do_lower_case": true})");
    EXPECT_THAT(settings().not_done, ElementsAre("Dense", "do_lower_case"));
    for (const char* path : {"\"2_Pooling\"", "null", "7"}) {
        write("modules.json", std::string(R"([{"type": "sentence_transformers.models.Pooling", "path": )") + path + "}]");
        EXPECT_THAT(refusal(), HasSubstr("does not lie in 1_Pooling")) << path;
    }
    for (const char* json : {"{}", "[1]", R"([{"path": ""}])", R"([{"type": 1}])"}) {
        write("modules.json", json);
        EXPECT_THAT(refusal(), HasSubstr("no list of modules"));
    }
}

}  // namespace
}  // namespace kohort::model
