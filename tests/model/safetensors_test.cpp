// Files that the safetensors format does not allow, by the name of what is wrong with them, and odd ones that it does.
#include "model/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <random>
#include <sstream>

#include "base/atomic_file.h"
#include "shared_data.h"

namespace kohort::model {
namespace {

using Failure = SafetensorsFailure;

std::string with_length(std::uint64_t length, const std::string& rest) {
    std::string file(8, '\0');
    std::memcpy(file.data(), &length, 8);
    return file + rest;
}
std::string file_of(const std::string& header, const std::string& data) { return with_length(header.size(), header + data); }

// A header of tensors, each given as "name type shape offsets".
std::string tensors(const std::vector<std::string>& entries) {
    std::string header;
    for (const auto& entry : entries) {
        std::istringstream words(entry);
        std::string name, type, shape, offsets;
        words >> name >> type >> shape >> offsets;
        if (!header.empty()) header += ",";
        header += fmt::format(R"("{}":{{"dtype":"{}","shape":{},"data_offsets":{}}})", name, type, shape, offsets);
    }
    return "{" + header + "}";
}

class Safetensors : public testing::Test {
  protected:
    std::filesystem::path write(const std::string& bytes) {
        const auto path = folder_.path() / "model.safetensors";
        base::write_file_atomically(path, bytes);
        return path;
    }
    // What the reader says of these bytes.
    void expect_refused(const std::string& bytes, Failure failure) {
        const auto path = write(bytes);
        try {
            SafetensorsFile file(path);
            ADD_FAILURE() << "accepted; expected: " << name_of(failure);
        } catch (const SafetensorsError& error) {
            EXPECT_EQ(name_of(error.failure()), name_of(failure)) << error.what();
            EXPECT_EQ(error.exit_code(), 3);
            EXPECT_THAT(error.what(), testing::HasSubstr(path.string()));
        }
    }
    TemporaryFolder folder_;
};

TEST_F(Safetensors, reads_a_file_written_by_hand) {
    const float values[2] = {1.5f, -2.0f};
    const std::string data(reinterpret_cast<const char*>(values), 8);
    const SafetensorsFile file(write(file_of(
        R"({"__metadata__":{"format":"pt"},"b":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},)"
        R"("a":{"dtype":"F32","shape":[0],"data_offsets":[8,8]}}   )",
        data)));
    ASSERT_EQ(file.tensors().size(), 2u);
    EXPECT_EQ(file.tensors()[0].name, "a");
    EXPECT_EQ(file.tensor("b").shape, (std::vector<std::int64_t>{2, 1}));
    EXPECT_EQ(file.metadata().at("format"), "pt");
    std::vector<float> out(2);
    to_float(file.tensor("b"), out);
    EXPECT_EQ(out, (std::vector<float>{1.5f, -2.0f}));
    EXPECT_THROW(file.tensor("c"), SafetensorsError);
}

TEST_F(Safetensors, accepts_a_scalar_and_an_empty_file_of_no_tensors) {
    EXPECT_EQ(SafetensorsFile(write(file_of("{}", ""))).tensors().size(), 0u);
    const SafetensorsFile file(write(file_of(tensors({"s U8 [] [0,1]"}), "x")));
    EXPECT_TRUE(file.tensor("s").shape.empty());
}

TEST_F(Safetensors, rejects_a_file_that_is_too_short) {
    expect_refused("", Failure::too_short);
    expect_refused("1234567", Failure::too_short);
}

TEST_F(Safetensors, rejects_a_header_too_large) {
    expect_refused(with_length(100'000'001, "{}"), Failure::header_too_large);
    expect_refused(with_length(~std::uint64_t{0}, "{}"), Failure::header_too_large);
}

TEST_F(Safetensors, rejects_a_header_beyond_the_end) {
    expect_refused(with_length(3, "{}"), Failure::header_beyond_end);
    expect_refused(with_length(1, ""), Failure::header_beyond_end);
    expect_refused(with_length(100'000'000, "{}"), Failure::header_beyond_end);
    const std::string good = tensors({"a U8 [4] [0,4]"});
    expect_refused(with_length(good.size() + 5, good + "wxyz"), Failure::header_beyond_end);  // one more than all there is
}

TEST_F(Safetensors, rejects_what_was_written_for_the_other_byte_order) {
    const std::string good = tensors({"a U8 [1] [0,1]"});
    expect_refused(with_length(__builtin_bswap64(good.size()), good + "x"), Failure::header_too_large);
    for (const char* type : {"F32BE", ">f4", "F32_BE"})
        expect_refused(file_of(tensors({fmt::format("a {} [1] [0,4]", type)}), "wxyz"), Failure::unknown_type);
}

TEST_F(Safetensors, rejects_a_header_that_is_not_json) {
    expect_refused(file_of("", ""), Failure::not_json);
    expect_refused(file_of("not json", ""), Failure::not_json);
    expect_refused(file_of("{} {}", ""), Failure::not_json);
    expect_refused(file_of("[]", ""), Failure::not_json);
    expect_refused(file_of(" {}", ""), Failure::not_json);  // the format: begins with {
    expect_refused(file_of("\xef\xbb\xbf{}", ""), Failure::not_json);
    expect_refused(file_of("{}x", ""), Failure::not_json);
    expect_refused(file_of(std::string("{}\0{", 4), ""), Failure::not_json);
    expect_refused(file_of("{'a':1}", ""), Failure::not_json);
    expect_refused(file_of("{\"a\":NaN}", ""), Failure::not_json);
    expect_refused(file_of("null", ""), Failure::not_json);
}

TEST_F(Safetensors, rejects_names_that_are_not_utf_8) {
    for (const std::string name :
         {"\xff", "\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "a\x80", "\\ud800", "\\udc00\\ud800"})
        expect_refused(file_of("{\"" + name + R"(":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", "x"), Failure::not_json);
}

TEST_F(Safetensors, keeps_any_name_that_is_utf_8) {
    const SafetensorsFile file(write(file_of(
        R"({"":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"\u0000":{"dtype":"U8","shape":[1],"data_offsets":[1,2]},)"
        R"("层\ud83d\ude00":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}})",
        "xyz")));
    ASSERT_EQ(file.tensors().size(), 3u);
    EXPECT_EQ(file.tensors()[0].name, "");
    EXPECT_EQ(file.tensors()[1].name, std::string(1, '\0'));
    EXPECT_EQ(file.tensors()[2].name, "层😀");
    EXPECT_EQ(file.tensor("层😀").bytes[0], std::byte{'z'});
}

TEST_F(Safetensors, rejects_a_header_nested_without_end) {
    expect_refused(file_of(std::string(1'000'000, '['), ""), Failure::not_json);
    std::string nested;
    for (int i = 0; i < 100'000; ++i) nested += "{\"a\":";
    expect_refused(file_of(nested, ""), Failure::not_json);
    expect_refused(file_of(R"({"a":{"dtype":"U8","shape":[[1]],"data_offsets":[0,1]}})", "x"), Failure::not_json);
    expect_refused(file_of(R"({"__metadata__":{"a":{"b":{"c":"d"}}}})", ""), Failure::not_json);
}

TEST_F(Safetensors, rejects_names_that_stand_twice) {
    expect_refused(file_of(tensors({"a U8 [1] [0,1]", "a U8 [1] [1,2]"}), "xy"),
                   Failure::duplicate_name);
    expect_refused(file_of(R"({"a":{"dtype":"U8","shape":[1],"shape":[1],"data_offsets":[0,1]}})", "x"),
                   Failure::duplicate_name);
    // Spelt otherwise, a name is the same.
    expect_refused(file_of(tensors({"a U8 [1] [0,1]", "\\u0061 U8 [1] [1,2]"}), "xy"),
                   Failure::duplicate_name);
    expect_refused(file_of(R"({"__metadata__":{"b":"1","b":"1"}})", ""), Failure::duplicate_name);
    expect_refused(file_of(R"({"__metadata__":{},"__metadata__":{}})", ""), Failure::duplicate_name);
}

TEST_F(Safetensors, accepts_one_word_in_the_entries_of_several_tensors) {
    EXPECT_NO_THROW(SafetensorsFile file(write(file_of(
        tensors({"dtype U8 [1] [0,1]", "shape U8 [1] [1,2]"}), "xy"))));
}

TEST_F(Safetensors, rejects_metadata_that_are_not_strings) {
    expect_refused(file_of(R"({"__metadata__":[]})", ""), Failure::malformed_metadata);
    expect_refused(file_of(R"({"__metadata__":{"format":1}})", ""), Failure::malformed_metadata);
}

TEST_F(Safetensors, rejects_malformed_entries) {
    for (const char* entry : {R"("x")", "null", "[]", "1", R"({"dtype":"U8","shape":[1]})",
                              R"({"dtype":1,"shape":[1],"data_offsets":[0,1]})",
                              R"({"dtype":"U8","shape":[1],"data_offsets":{"0":0,"1":1}})",
                              R"({"dtype":"U8","shape":[1],"data_offsets":[0,1],"extra":1})"})
        expect_refused(file_of(fmt::format(R"({{"a":{}}})", entry), "x"), Failure::malformed_entry);
    for (const char* shape : {"1", "[-1]", "[1.0]", "[1e0]", "[-0]", R"(["1"])", "[null]", "[true]", "[18446744073709551617]"})
        expect_refused(file_of(tensors({fmt::format("a U8 {} [0,1]", shape)}), "x"), Failure::malformed_entry);
    for (const char* offsets : {"[0]", "[0,1,2]", "[-1,0]", "[0,1.0]", R"(["0","1"])", "[]", "0"})
        expect_refused(file_of(tensors({fmt::format("a U8 [1] {}", offsets)}), "x"), Failure::malformed_entry);
}

TEST_F(Safetensors, rejects_an_unknown_type) {
    for (const char* type : {"", "f32", "F32 ", "F8_E4M3", "F128"})
        expect_refused(file_of(fmt::format(R"({{"a":{{"dtype":"{}","shape":[1],"data_offsets":[0,1]}}}})", type), "x"),
                       Failure::unknown_type);
    expect_refused(file_of(tensors({"a F31 [1] [0,1]"}), "x"), Failure::unknown_type);
}

TEST_F(Safetensors, rejects_a_shape_that_overflows) {
    expect_refused(file_of(tensors({"a F32 [4294967296,4294967296] [0,0]"}), ""), Failure::size_overflow);
    expect_refused(file_of(tensors({"a F32 [18446744073709551615] [0,0]"}), ""), Failure::size_overflow);
    // 2^62 floats are 2^64 bytes, which wrap to none; so do 2^32 x 2^31 x 2 bytes, and what a zero would hide again.
    expect_refused(file_of(tensors({"a F32 [4611686018427387904] [0,0]"}), ""), Failure::size_overflow);
    expect_refused(file_of(tensors({"a F16 [4294967296,2147483648] [0,0]"}), ""), Failure::size_overflow);
    expect_refused(file_of(tensors({"a F32 [4294967296,4294967296,0] [0,0]"}), ""), Failure::size_overflow);
}

TEST_F(Safetensors, rejects_a_shape_that_is_larger_than_the_file) {
    expect_refused(file_of(tensors({"a U8 [9223372036854775807] [0,1]"}), "x"), Failure::size_mismatch);
    expect_refused(file_of(tensors({"a U8 [9223372036854775807] [0,9223372036854775807]"}), "x"),
                   Failure::offsets_out_of_range);
}

TEST_F(Safetensors, accepts_tensors_without_elements_between_others) {
    const SafetensorsFile file(write(file_of(
        tensors({"a U8 [2] [0,2]", "b F32 [0,7] [2,2]", "c F32 [3,0] [2,2]", "d U8 [1] [2,3]", "e F64 [0] [3,3]"}),
        "xyz")));
    EXPECT_EQ(file.tensor("b").shape, (std::vector<std::int64_t>{0, 7}));
    EXPECT_TRUE(file.tensor("c").bytes.empty());
    EXPECT_EQ(file.tensor("d").bytes[0], std::byte{'z'});
}

TEST_F(Safetensors, rejects_offsets_out_of_range) {
    expect_refused(file_of(tensors({"a U8 [2] [0,2]"}), "x"), Failure::offsets_out_of_range);
    expect_refused(file_of(tensors({"a U8 [1] [1,0]"}), "x"), Failure::offsets_out_of_range);
    expect_refused(file_of(tensors({"a U8 [1] [18446744073709551615,18446744073709551615]"}), "x"),
                   Failure::offsets_out_of_range);
    expect_refused(file_of(tensors({"a F32 [0] [4,4]"}), ""), Failure::offsets_out_of_range);
}

TEST_F(Safetensors, rejects_offsets_of_the_wrong_size) {
    expect_refused(file_of(tensors({"a U8 [1] [0,2]"}), "xx"), Failure::size_mismatch);
    expect_refused(file_of(tensors({"a F32 [0] [0,4]"}), "wxyz"), Failure::size_mismatch);
    expect_refused(file_of(tensors({"a F32 [] [0,0]"}), ""), Failure::size_mismatch);
    expect_refused(file_of(tensors({"a F32 [1] [0,2]"}), "xx"), Failure::size_mismatch);
}

TEST_F(Safetensors, rejects_offsets_that_overlap) {
    expect_refused(file_of(tensors({"a U8 [2] [0,2]", "b U8 [2] [1,3]"}), "xyz"),
                   Failure::offsets_overlap);
    expect_refused(file_of(tensors({"a U8 [2] [0,2]", "b U8 [2] [0,2]"}), "xy"),
                   Failure::offsets_overlap);
    expect_refused(file_of(tensors({"a U8 [4] [0,4]", "b U8 [2] [1,3]"}), "wxyz"),
                   Failure::offsets_overlap);
    // Nor may one without elements lie inside another.
    expect_refused(file_of(tensors({"a U8 [2] [0,2]", "b U8 [0] [1,1]"}), "xy"),
                   Failure::offsets_overlap);
}

TEST_F(Safetensors, rejects_bytes_that_belong_to_no_tensor) {
    expect_refused(file_of(tensors({"a U8 [1] [1,2]"}), "xy"), Failure::offsets_leave_a_gap);
    expect_refused(file_of(tensors({"a U8 [1] [0,1]"}), "xy"), Failure::offsets_leave_a_gap);
    expect_refused(file_of(tensors({"a U8 [1] [0,1]", "b U8 [1] [2,3]"}), "xyz"),
                   Failure::offsets_leave_a_gap);
    expect_refused(file_of("{}", "x"), Failure::offsets_leave_a_gap);
}

TEST_F(Safetensors, rejects_a_good_file_cut_off_anywhere) {
    const std::string whole = file_of(tensors({"a U8 [4] [0,4]"}), "wxyz");
    for (std::size_t length = 0; length < whole.size(); ++length)
        EXPECT_THROW(SafetensorsFile file(write(whole.substr(0, length))), SafetensorsError) << length;
    EXPECT_NO_THROW(SafetensorsFile file(write(whole)));
}

TEST_F(Safetensors, survives_damage_anywhere) {
    const std::string whole = file_of(
        R"({"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},)"
        R"("b":{"dtype":"U8","shape":[3],"data_offsets":[8,11]}})",
        "12345678xyz");
    std::mt19937 random(1);
    int accepted = 0;
    for (int i = 0; i < 4000; ++i) {
        auto damaged = whole;
        for (int change = 0; change <= i % 3; ++change) {
            const auto place = random() % damaged.size();
            if (i % 2) damaged[place] = "0123456789{}[]\",:-e\\\xff"[random() % 22];
            else damaged[place] = static_cast<char>(damaged[place] ^ (1 << random() % 8));
        }
        std::ofstream(folder_.path() / "damaged", std::ios::binary) << damaged;
        try {
            const SafetensorsFile file(folder_.path() / "damaged");
            for (const auto& tensor : file.tensors())  // what is accepted lies within the file
                for (const auto byte : tensor.bytes) accepted += byte == std::byte{} ? 0 : 1;
        } catch (const SafetensorsError&) {
        }
    }
    EXPECT_GT(accepted, 0);
}

TEST_F(Safetensors, a_folder_or_a_missing_file_is_an_input_error) {
    for (const auto& path : {folder_.path(), folder_.path() / "nowhere"}) {
        try {
            SafetensorsFile file(path);
            ADD_FAILURE() << "opened";
        } catch (const base::Error& error) {
            EXPECT_EQ(error.exit_code(), 3);
        }
    }
}

}  // namespace
}  // namespace kohort::model
