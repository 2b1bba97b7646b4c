// Centring and whitening of vectors: a linear map that is fitted over a whole corpus once and can be applied to other
// vectors later. Whitening is that of Su, Cao, Liu and Ou, "Whitening Sentence Representations for Better Semantics and
// Faster Retrieval" (2021), and of PCA with whiten=True in scikit-learn, up to the signs of the components.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "parallel/communicator.h"

namespace kohort::encode {

enum class PostProcess {
    none,
    center,  // the mean of all rows is taken off
    whiten,  // and the principal components, most variance first, get a variance of 1
    file     // as a transform that an earlier run saved
};
std::string_view name_of(PostProcess post_process);

struct VectorTransform {
    std::vector<double> mean;        // [dimension]
    std::vector<double> components;  // [dimension, columns], whitening only: eigenvector / sqrt(variance)
    std::vector<double> variances;   // [columns], whitening only: descending; those of components that are 0 too
    std::int64_t rows = 0;           // that it was fitted on

    std::int64_t dimension() const { return static_cast<std::int64_t>(mean.size()); }
    std::int64_t columns() const { return components.empty() ? dimension() : static_cast<std::int64_t>(variances.size()); }

    // vectors: [n, dimension()]; gives [n, columns()], computed in double, with `unit` each scaled to length 1. Rows of zeros
    // (without text) stay so, and a row that float32 cannot tell from the mean becomes one.
    std::vector<float> apply(std::span<const float> vectors, bool unit) const;
};

// RUN/embedding/transform.h5: /mean float64 [dimension], and of whitening /components float64 [dimension, columns] and
// /variances float64 [columns]. Writing returns the file's SHA-256.
inline constexpr const char* transform_path = "embedding/transform.h5";
std::string write_transform(const std::filesystem::path& path, std::string_view stage, std::string_view key,
                            const VectorTransform& transform);
// Error(environment) for a file that is missing, damaged or none of these.
VectorTransform read_transform(const std::filesystem::path& path);

// Collective: the root's, on every rank.
void broadcast_transform(parallel::Communicator& comm, VectorTransform& transform);

}  // namespace kohort::encode
