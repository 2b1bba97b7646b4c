#include "store/dataset_source.h"

#include "base/error.h"
#include "store/matrix_format.h"

namespace kohort::store {
namespace {

using base::ErrorKind;
using base::fail;

std::unique_ptr<MatrixSource::Format> open_matrix(const DatasetRef& ref) {
    std::error_code problem;
    const auto status = std::filesystem::status(ref.file, problem);
    if (!std::filesystem::exists(status))
        fail(ErrorKind::input, "cannot read {}: no such file", ref.file.string());
    if (std::filesystem::is_directory(status))
        fail(ErrorKind::input, "cannot read {}: it is a folder", ref.file.string());
    return ref.dataset.empty() ? open_npy_matrix(ref.file) : open_hdf5_matrix(ref);
}

}  // namespace

DatasetRef parse_dataset(const std::string& text) {
    if (text.ends_with(".npy") && text.size() > 4) return {text, ""};
    const auto colon = text.rfind(":/");
    if (colon == std::string::npos || colon == 0 || colon + 2 == text.size() || text.ends_with('/'))
        fail(ErrorKind::usage,
             "\"{}\" names no dataset: write FILE.h5:/path, for example kohort.h5:/obsm/embedding, or "
             "FILE.npy",
             text);
    return {text.substr(0, colon), text.substr(colon + 1)};
}

MatrixSource::MatrixSource(const DatasetRef& ref) : format_(open_matrix(ref)) {}
MatrixSource::~MatrixSource() = default;
MatrixSource::MatrixSource(MatrixSource&&) noexcept = default;

std::int64_t MatrixSource::rows() const {
    return format_->rows;
}
std::int64_t MatrixSource::columns() const {
    return format_->columns;
}
std::size_t MatrixSource::element_size() const { return format_->element_size; }
const std::vector<std::filesystem::path>& MatrixSource::files() const {
    return format_->files;
}

void MatrixSource::read_rows(std::int64_t first, std::int64_t count, std::span<float> into) const {
    if (first < 0 || count < 0 || count > rows() - first ||
        static_cast<std::int64_t>(into.size()) != count * columns())
        fail(ErrorKind::internal, "{}: rows {} to {} of {} were asked for, into {} numbers", format_->name,
             first, first + count, rows(), into.size());
    if (!into.empty()) format_->read_rows(first, count, into.data());
}

std::vector<float> MatrixSource::read_rows(std::int64_t first, std::int64_t count) const {
    std::vector<float> values(count > 0 ? static_cast<std::size_t>(count * columns()) : 0);
    read_rows(first, count, values);
    return values;
}

}  // namespace kohort::store
