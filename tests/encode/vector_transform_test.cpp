#include "encode/vector_transform.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <cmath>

#include "base/error.h"
#include "store/partition_file.h"

namespace kohort::encode {
namespace {

using testing::ElementsAre;
using testing::FloatNear;

class VectorTransforms : public testing::Test {
  protected:
    VectorTransforms()
        : path_(std::filesystem::path(testing::TempDir()) / ("transform_" + std::to_string(::getpid()) + ".h5")) {}
    ~VectorTransforms() override { std::filesystem::remove(path_); }

    // y0 = 2 x0 + x1 and y1 = -x1 of what is left without the mean (1, 2, 3).
    const VectorTransform whitening_{{1, 2, 3}, {2, 0, 1, -1, 0, 0}, {4, 1}, 10};
    const VectorTransform centring_{{1, 2, 3}, {}, {}, 10};
    std::filesystem::path path_;
};

TEST_F(VectorTransforms, take_the_mean_off_and_then_multiply) {
    EXPECT_EQ(whitening_.columns(), 2);
    EXPECT_THAT(whitening_.apply(std::vector<float>{2, 4, 3, 1, 3, 9}, false), ElementsAre(4, -2, 1, -1));
    EXPECT_EQ(centring_.columns(), 3);
    EXPECT_THAT(centring_.apply(std::vector<float>{2, 4, 3, 1, 3, 9}, false), ElementsAre(1, 2, 0, 0, 1, 6));
    EXPECT_TRUE(whitening_.apply({}, true).empty());
}

TEST_F(VectorTransforms, vectors_of_length_one_where_asked_for) {
    EXPECT_THAT(whitening_.apply(std::vector<float>{1, 2.5, 7, 3, 2, 1}, true),
                ElementsAre(FloatNear(static_cast<float>(std::sqrt(0.5)), 1e-7f),
                            FloatNear(-static_cast<float>(std::sqrt(0.5)), 1e-7f), 1, 0));
}

TEST_F(VectorTransforms, rows_of_zeros_and_rows_at_the_mean_become_zero) {
    const VectorTransform third{{1.0 / 3, 1.0 / 3}, {}, {}, 10};
    const float near = static_cast<float>(1.0 / 3);
    for (const bool unit : {true, false})
        EXPECT_THAT(third.apply(std::vector<float>{0, 0, near, near}, unit), ElementsAre(0, 0, 0, 0));
}

TEST_F(VectorTransforms, are_read_as_they_were_written) {
    for (const auto* transform : {&whitening_, &centring_}) {
        write_transform(path_, "embedding", "key", *transform);
        const auto again = read_transform(path_);
        EXPECT_EQ(again.mean, transform->mean);
        EXPECT_EQ(again.components, transform->components);
        EXPECT_EQ(again.variances, transform->variances);
        EXPECT_EQ(again.rows, 10);
    }
}

TEST_F(VectorTransforms, other_files_are_refused) {
    EXPECT_THROW(read_transform(path_), base::Error);
    {
        store::PartitionWriter file(path_, "embedding", "key");
        file.write("/mean", std::vector<double>{1, 2, 3}, store::Filter::none);
        file.write("/components", std::vector<double>{1, 2}, store::Filter::none);
        file.write("/variances", std::vector<double>{1, 2}, store::Filter::none);
        file.set_attribute("/", "rows", std::int64_t{5});
        file.commit();
    }
    EXPECT_THROW(read_transform(path_), base::Error);
    write_transform(path_, "embedding", "key", {{1, std::nan("")}, {}, {}, 10});
    EXPECT_THROW(read_transform(path_), base::Error);
}

}  // namespace
}  // namespace kohort::encode
