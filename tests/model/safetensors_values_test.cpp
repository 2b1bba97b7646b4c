// Values out of safetensors files, of each type that weights are stored in, and files that are written.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/atomic_file.h"
#include "model/safetensors.h"
#include "shared_data.h"

namespace kohort::model {
namespace {

TEST(SafetensorsValues, converts_every_half_exactly) {
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

TEST(SafetensorsValues, converts_brain_floats_and_doubles) {
    const std::vector<std::uint16_t> brain{0x3F80, 0xC040, 0x0000};
    std::vector<float> out(3);
    to_float({"b", ElementType::bf16, {3}, std::as_bytes(std::span<const std::uint16_t>(brain))}, out);
    EXPECT_EQ(out, (std::vector<float>{1, -3, 0}));
    const std::vector<double> wide{0.1, 1e300};
    out.resize(2);
    to_float({"d", ElementType::f64, {2}, std::as_bytes(std::span<const double>(wide))}, out);
    EXPECT_EQ(out[0], 0.1f);
    const std::vector<std::int32_t> integers{1};
    EXPECT_THROW(to_float({"i", ElementType::i32, {1}, std::as_bytes(std::span<const std::int32_t>(integers))}, out),
                 SafetensorsError);
}

TEST(SafetensorsValues, writes_the_same_bytes_in_any_order_and_reads_them_back) {
    const std::vector<float> a{1, 2, 3}, b{4};
    const auto view = [](const char* name, const std::vector<float>& values) {
        return TensorView{name, ElementType::f32, {static_cast<std::int64_t>(values.size())}, std::as_bytes(std::span(values))};
    };
    const TemporaryFolder folder;
    const auto first = folder.path() / "1", second = folder.path() / "2";
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
