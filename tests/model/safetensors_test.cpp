#include "model/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

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
        R"({"__metadata__":{"format":"pt"},"b":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[0],"data_offsets":[8,8]}}   )",
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
    const SafetensorsFile file(write(file_of(R"({"s":{"dtype":"U8","shape":[],"data_offsets":[0,1]}})", "x")));
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

TEST_F(Safetensors, rejects_a_header_beyond_the_end) { expect_refused(with_length(3, "{}"), Failure::header_beyond_end); }

TEST_F(Safetensors, rejects_a_header_that_is_not_json) {
    expect_refused(file_of("", ""), Failure::not_json);
    expect_refused(file_of("not json", ""), Failure::not_json);
    expect_refused(file_of("{} {}", ""), Failure::not_json);
    expect_refused(file_of("[]", ""), Failure::not_json);
    expect_refused(file_of("{\"\xff\":{}}", ""), Failure::not_json);
}

TEST_F(Safetensors, rejects_a_header_nested_without_end) {
    expect_refused(file_of(std::string(1'000'000, '['), ""), Failure::not_json);
    std::string nested;
    for (int i = 0; i < 100'000; ++i) nested += "{\"a\":";
    expect_refused(file_of(nested, ""), Failure::not_json);
}

TEST_F(Safetensors, rejects_names_that_stand_twice) {
    expect_refused(file_of(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})", "xy"),
                   Failure::duplicate_name);
    expect_refused(file_of(R"({"a":{"dtype":"U8","shape":[1],"shape":[1],"data_offsets":[0,1]}})", "x"), Failure::duplicate_name);
}

TEST_F(Safetensors, rejects_metadata_that_are_not_strings) {
    expect_refused(file_of(R"({"__metadata__":[]})", ""), Failure::malformed_metadata);
    expect_refused(file_of(R"({"__metadata__":{"format":1}})", ""), Failure::malformed_metadata);
}

TEST_F(Safetensors, rejects_malformed_entries) {
    for (const char* entry : {R"("x")", R"({"dtype":"U8","shape":[1]})", R"({"dtype":1,"shape":[1],"data_offsets":[0,1]})",
                              R"({"dtype":"U8","shape":1,"data_offsets":[0,1]})", R"({"dtype":"U8","shape":[-1],"data_offsets":[0,1]})",
                              R"({"dtype":"U8","shape":[1.0],"data_offsets":[0,1]})", R"({"dtype":"U8","shape":[1],"data_offsets":[0]})",
                              R"({"dtype":"U8","shape":[1],"data_offsets":[0,1,2]})",
                              R"({"dtype":"U8","shape":[1],"data_offsets":[0,1],"extra":1})"})
        expect_refused(file_of(fmt::format(R"({{"a":{}}})", entry), "x"), Failure::malformed_entry);
}

TEST_F(Safetensors, rejects_an_unknown_type) {
    expect_refused(file_of(R"({"a":{"dtype":"F31","shape":[1],"data_offsets":[0,1]}})", "x"), Failure::unknown_type);
}

TEST_F(Safetensors, rejects_a_shape_that_overflows) {
    expect_refused(file_of(R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}})", ""), Failure::size_overflow);
    expect_refused(file_of(R"({"a":{"dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,0]}})", ""), Failure::size_overflow);
}

TEST_F(Safetensors, rejects_offsets_out_of_range) {
    expect_refused(file_of(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})", "x"), Failure::offsets_out_of_range);
    expect_refused(file_of(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[1,0]}})", "x"), Failure::offsets_out_of_range);
    expect_refused(file_of(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[18446744073709551615,18446744073709551615]}})", "x"),
                   Failure::offsets_out_of_range);
}

TEST_F(Safetensors, rejects_offsets_of_the_wrong_size) {
    expect_refused(file_of(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,2]}})", "xx"), Failure::size_mismatch);
}

TEST_F(Safetensors, rejects_offsets_that_overlap) {
    expect_refused(file_of(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})", "xyz"),
                   Failure::offsets_overlap);
    expect_refused(file_of(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})", "xy"),
                   Failure::offsets_overlap);
}

TEST_F(Safetensors, rejects_bytes_that_belong_to_no_tensor) {
    expect_refused(file_of(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})", "xy"), Failure::offsets_leave_a_gap);
    expect_refused(file_of(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", "xy"), Failure::offsets_leave_a_gap);
}

TEST_F(Safetensors, rejects_a_good_file_cut_off_anywhere) {
    const std::string whole = file_of(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}})", "wxyz");
    for (std::size_t length = 0; length < whole.size(); ++length)
        EXPECT_THROW(SafetensorsFile file(write(whole.substr(0, length))), SafetensorsError) << length;
    EXPECT_NO_THROW(SafetensorsFile file(write(whole)));
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

TEST_F(Safetensors, converts_every_half_exactly) {
    // The value by its definition (IEEE 754-2019, 3.4), computed with ldexp.
    std::vector<std::uint16_t> bits(65536);
    for (std::size_t i = 0; i < bits.size(); ++i) bits[i] = static_cast<std::uint16_t>(i);
    std::vector<float> out(bits.size());
    to_float({"h", ElementType::f16, {65536}, std::as_bytes(std::span<const std::uint16_t>(bits))}, out);
    for (std::size_t i = 0; i < bits.size(); ++i) {
        const int exponent = (bits[i] >> 10) & 31, fraction = bits[i] & 1023;
        const double sign = bits[i] >> 15 ? -1 : 1;
        if (exponent == 31) {
            EXPECT_EQ(std::isnan(out[i]), fraction != 0);
            EXPECT_TRUE(fraction != 0 || out[i] == sign * std::numeric_limits<double>::infinity());
            continue;
        }
        const double magnitude = exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
        ASSERT_EQ(out[i], sign * magnitude) << i;
        ASSERT_EQ(std::signbit(out[i]), sign < 0) << i;
    }
}

TEST_F(Safetensors, converts_brain_floats_and_doubles) {
    const std::vector<std::uint16_t> brain{0x3F80, 0xC040, 0x0000};
    std::vector<float> out(3);
    to_float({"b", ElementType::bf16, {3}, std::as_bytes(std::span<const std::uint16_t>(brain))}, out);
    EXPECT_EQ(out, (std::vector<float>{1, -3, 0}));
    const std::vector<double> wide{0.1, 1e300};
    out.resize(2);
    to_float({"d", ElementType::f64, {2}, std::as_bytes(std::span<const double>(wide))}, out);
    EXPECT_EQ(out[0], 0.1f);
    const std::vector<std::int32_t> integers{1};
    EXPECT_THROW(to_float({"i", ElementType::i32, {1}, std::as_bytes(std::span<const std::int32_t>(integers))}, out), SafetensorsError);
}

TEST_F(Safetensors, writes_the_same_bytes_in_any_order_and_reads_them_back) {
    const std::vector<float> a{1, 2, 3}, b{4};
    const auto view = [](const char* name, const std::vector<float>& values) {
        return TensorView{name, ElementType::f32, {static_cast<std::int64_t>(values.size())}, std::as_bytes(std::span(values))};
    };
    const auto first = folder_.path() / "1", second = folder_.path() / "2";
    EXPECT_EQ(write_safetensors(first, {view("a", a), view("b", b)}), write_safetensors(second, {view("b", b), view("a", a)}));
    EXPECT_EQ(base::read_file(first), base::read_file(second));
    const SafetensorsFile file(first);
    EXPECT_EQ(file.metadata().at("format"), "pt");
    std::vector<float> out(3);
    to_float(file.tensor("a"), out);
    EXPECT_EQ(out, a);
    EXPECT_EQ((reinterpret_cast<std::uintptr_t>(file.tensor("a").bytes.data())) % 8, 0u);  // mapped at a page's start
    EXPECT_THROW(write_safetensors(first, {view("a", a), view("a", a)}), base::Error);
}

}  // namespace
}  // namespace kohort::model
