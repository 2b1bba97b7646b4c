#include "store/float16.h"

#include <cmath>
#include <limits>

#include "store/dataset_source.h"
#include "store/partition_file.h"
#include "store_fixture.h"

namespace kohort::store {
namespace {

class Float16Test : public StoreTest {
  protected:
    // All finite halves from 0 up, as HDF5 converts them.
    std::vector<float> ladder() {
        std::vector<Float16> halves;
        for (std::uint16_t bits = 0; bits < 0x7c00; ++bits) halves.push_back({bits});
        PartitionWriter writer(folder_ / "halves.h5", "embedding", "key");
        writer.write("/x", std::span<const Float16>(halves), {static_cast<std::int64_t>(halves.size()), 1}, Filter::none);
        writer.commit();
        const MatrixSource source({folder_ / "halves.h5", "/x"});
        EXPECT_EQ(source.element_size(), 2u);
        return source.read_rows(0, source.rows());
    }
};

TEST_F(Float16Test, every_half_comes_back_through_a_file_and_rounding) {
    const auto values = ladder();
    EXPECT_EQ(values[1], std::ldexp(1.0f, -24));
    EXPECT_EQ(values[0x3c00], 1.0f);
    EXPECT_EQ(values.back(), 65504.0f);
    for (std::size_t bits = 0; bits < values.size(); ++bits) {
        ASSERT_EQ(to_float16(values[bits]).bits, bits);
        ASSERT_EQ(to_float16(-values[bits]).bits, bits | 0x8000);
    }
}

TEST_F(Float16Test, rounds_to_the_nearest_and_ties_to_even) {
    const auto values = ladder();
    for (std::size_t bits = 0; bits + 1 < values.size(); ++bits) {
        const float middle = (values[bits] + values[bits + 1]) / 2;
        ASSERT_EQ(to_float16(middle).bits, bits + bits % 2) << bits;
        ASSERT_EQ(to_float16(std::nextafter(middle, 0.0f)).bits, bits) << bits;
        ASSERT_EQ(to_float16(std::nextafter(middle, 1e9f)).bits, bits + 1) << bits;
    }
}

TEST_F(Float16Test, ends_at_65504) {
    EXPECT_TRUE(fits_float16(65519.99f) && fits_float16(-65519.99f) && fits_float16(0));
    EXPECT_EQ(to_float16(65519.99f).bits, 0x7bff);
    for (const float value : {65520.0f, 1e30f, std::numeric_limits<float>::infinity()}) {
        EXPECT_FALSE(fits_float16(value));
        EXPECT_FALSE(fits_float16(-value));
        EXPECT_EQ(to_float16(value).bits, 0x7c00);
        EXPECT_EQ(to_float16(-value).bits, 0xfc00);
    }
    EXPECT_FALSE(fits_float16(std::nanf("")));
    EXPECT_GT(to_float16(std::nanf("")).bits & 0x7fff, 0x7c00);
}

}  // namespace
}  // namespace kohort::store
