// Weights in several files: the index and its shards must say the same, and nothing outside the folder is read.
#include "model/weight_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "shared_data.h"
#include "small_families.h"

namespace kohort::model {
namespace {

using testing::HasSubstr;

class WeightFilesOf : public testing::Test {
  protected:
    static StoredTensor tensor(const std::string& name, float value) {
        return {name, ElementType::f32, torch::full({2}, value)};
    }
    void shard(const std::string& name, const StoredTensors& tensors) { write_tensors(folder_.path() / name, tensors); }
    void index(const std::string& text) { base::write_file_atomically(folder_.path() / weights_index_file, text); }
    std::string refusal(int exit_code) {
        std::string message = "nothing was refused";
        try {
            WeightFiles files(folder_.path());
        } catch (const base::Error& error) {
            EXPECT_EQ(error.exit_code(), exit_code) << error.what();
            message = error.what();
        }
        return message;
    }
    void SetUp() override {
        shard("one", {tensor("a", 1), tensor("c", 3)});
        shard("two", {tensor("b", 2)});
        index(good_);
    }

    const std::string good_ = R"({"metadata": {"total_size": 24}, "weight_map": {"a": "one", "b": "two", "c": "one"}})";
    TemporaryFolder folder_;
};

TEST_F(WeightFilesOf, shards_are_read_as_one_list_sorted_by_name) {
    const WeightFiles files(folder_.path());
    ASSERT_EQ(files.tensors().size(), 3u);
    std::vector<float> values(2);
    for (std::size_t i = 0; i < 3; ++i) {
        EXPECT_EQ(files.tensors()[i].name, std::string(1, static_cast<char>('a' + i)));
        to_float(files.tensors()[i], values);
        EXPECT_EQ(values, std::vector<float>(2, static_cast<float>(i + 1)));
    }
    EXPECT_EQ(files.path(), folder_.path() / weights_index_file);
    EXPECT_EQ(weight_file_names(folder_.path()), (std::vector<std::string>{weights_index_file, "one", "two"}));
}

TEST_F(WeightFilesOf, one_file_goes_before_an_index) {
    shard(weights_file, {tensor("whole", 9)});
    index("broken");
    EXPECT_EQ(WeightFiles(folder_.path()).tensors().front().name, "whole");
    EXPECT_EQ(weight_file_names(folder_.path()), (std::vector<std::string>{weights_file}));
}

TEST_F(WeightFilesOf, missing_shards_are_named) {
    std::filesystem::remove(folder_.path() / "two");
    EXPECT_THAT(refusal(3), HasSubstr("not there: two"));
    EXPECT_THROW(weight_file_names(folder_.path()), base::Error);
    std::filesystem::create_directory(folder_.path() / "two");
    EXPECT_THAT(refusal(3), HasSubstr("not there: two"));
}

TEST_F(WeightFilesOf, a_tensor_that_its_shard_does_not_have_is_named) {
    shard("two", {tensor("B", 2)});
    EXPECT_THAT(refusal(3),
                testing::AllOf(HasSubstr("listed but not there: b in two"), HasSubstr("there but not listed: B in two")));
}

TEST_F(WeightFilesOf, a_tensor_in_two_shards_is_named) {
    shard("two", {tensor("a", 5), tensor("b", 2)});
    EXPECT_THAT(refusal(3), HasSubstr("there but not listed: a in two"));
}

TEST_F(WeightFilesOf, a_tensor_in_another_shard_than_listed_is_named) {
    index(R"({"weight_map": {"a": "one", "b": "one", "c": "two"}})");
    EXPECT_THAT(refusal(3), testing::AllOf(HasSubstr("listed but not there: b in one, c in two"),
                                           HasSubstr("there but not listed: c in one, b in two")));
}

TEST_F(WeightFilesOf, names_that_lead_out_of_the_folder_are_refused) {
    write_tensors(folder_.path().parent_path() / "outside.safetensors", {tensor("b", 2)});
    for (const char* name :
         {"../outside.safetensors", "/etc/passwd", "..", ".", "", "sub/two", "two/", "./two", "..\\\\two", "two\\u0000"}) {
        index(std::string(R"({"weight_map": {"a": "one", "c": "one", "b": ")") + name + R"("}})");
        EXPECT_THAT(refusal(3), HasSubstr("must be a name in the same folder")) << name;
    }
    std::filesystem::remove(folder_.path().parent_path() / "outside.safetensors");
}

TEST_F(WeightFilesOf, a_malformed_index_is_refused) {
    for (const auto& [text, part] : std::vector<std::pair<std::string, std::string>>{
             {"", "begin with {"},
             {"[]", "begin with {"},
             {"{\"weight_map\"", "parse error"},
             {"{}", "weight_map"},
             {R"({"weight_map": []})", "weight_map"},
             {R"({"weight_map": {}})", "weight_map"},
             {R"({"weight_map": {"a": 1}})", "the file of \"a\" is not a string"},
             {R"({"weight_map": {"a": "one", "a": "two"}})", "\"a\" stands twice"},
             {R"({"weight_map": {"a": "one"}, "weight_map": {"b": "two"}})", "\"weight_map\" stands twice"},
             {"{\"weight_map\": {\"\xff\": \"one\"}}", "UTF-8"},
             {"{\"weight_map\": {\"a\": " + std::string(100'000, '['), "nested too deep"}}) {
        index(text);
        EXPECT_THAT(refusal(3), HasSubstr(part));
    }
}

TEST_F(WeightFilesOf, a_damaged_shard_is_named) {
    base::write_file_atomically(folder_.path() / "two", "damaged");
    EXPECT_THAT(refusal(3), HasSubstr((folder_.path() / "two").string()));
}

}  // namespace
}  // namespace kohort::model
