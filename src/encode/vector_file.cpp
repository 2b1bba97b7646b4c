#include "encode/vector_file.h"

#include <algorithm>

#include "base/atomic_file.h"
#include "base/error.h"
#include "store/dataset_source.h"
#include "store/partition_file.h"

namespace kohort::encode {
namespace {

constexpr const char* dataset_name = "/obsm/embedding";
constexpr std::string_view raw_stage = "vectors before post-processing";

std::vector<store::Float16> to_halves(const std::filesystem::path& path, const std::vector<float>& values) {
    std::vector<store::Float16> halves;
    halves.reserve(values.size());
    for (const float x : values) {
        if (!store::fits_float16(x))
            base::fail(base::ErrorKind::usage,
                       "{}: a vector holds {}, and float16 ends at 65504: use --storage float32 or --normalize", path.string(),
                       x);
        halves.push_back(store::to_float16(x));
    }
    return halves;
}

}  // namespace

std::string write_vectors(const std::filesystem::path& path, std::string_view stage, std::string_view key,
                          const EncodedPartition& made, std::int64_t columns, const EncodeOptions& options) {
    store::PartitionWriter file(path, stage, key);
    const std::vector<std::int64_t> shape{made.rows, columns};
    if (options.storage == Storage::float16)
        file.write(dataset_name, std::span<const store::Float16>(to_halves(path, made.vectors)), shape, store::Filter::none);
    else file.write(dataset_name, std::span<const float>(made.vectors), shape, store::Filter::none);
    file.set_attribute("/", "pooling", std::string(name_of(options.texts.pooling)));
    file.set_attribute("/", "normalize", std::string(options.normalize ? "true" : "false"));
    file.set_attribute("/", "precision", std::string(model::name_of(options.texts.precision)));
    file.set_attribute("/", "max_tokens", options.texts.max_tokens);
    file.set_attribute("/", "users_without_text", made.rows_without_text);
    file.set_attribute("/", "texts", made.texts);
    file.set_attribute("/", "tokens", made.tokens);
    if (made.rejected > 0) {  // a run that goes on must know of them too
        file.set_attribute("/", "rejected", made.rejected);
        file.set_attribute("/", "first_rejected", made.first_rejected);
        file.set_attribute("/", "rejected_because", made.rejected_because);
    }
    if (const auto kind = options.post_processing.kind; kind != PostProcess::none)
        file.set_attribute("/", "post_process", std::string(name_of(kind)));
    return file.commit();
}

namespace {

// Of rows that were no records: into an EncodedPartition, or an EncodeReport.
template <class Made>
void read_rejected(const store::PartitionReader& file, Made& made) {
    if (!file.has_attribute("/", "rejected")) return;
    made.rejected += file.integer_attribute("/", "rejected");
    const auto first = file.integer_attribute("/", "first_rejected");
    if (made.first_rejected >= 0 && made.first_rejected <= first) return;
    made.first_rejected = first;
    made.rejected_because = file.string_attribute("/", "rejected_because");
}

}  // namespace

void count_file(const std::filesystem::path& path, EncodeReport& report) {
    const store::PartitionReader file(path);
    report.users += file.shape(dataset_name)[0];
    report.users_without_text += file.integer_attribute("/", "users_without_text");
    report.texts += file.integer_attribute("/", "texts");
    report.tokens += file.integer_attribute("/", "tokens");
    read_rejected(file, report);
    ++report.partitions;
}

std::filesystem::path RawVectors::path_of(std::int32_t partition) const {
    return folder_ / store::partition_file_name(partition);
}

void RawVectors::make_folder() const {
    std::filesystem::create_directories(folder_);
    base::remove_temporaries(folder_);
}

void RawVectors::write(std::int32_t partition, const EncodedPartition& made, std::int64_t dimension,
                       const EncodeOptions& options) const {
    auto as_they_are = options;
    as_they_are.storage = Storage::float32;
    as_they_are.post_processing = {};
    write_vectors(path_of(partition), raw_stage, key_, made, dimension, as_they_are);
}

std::optional<EncodedPartition> RawVectors::read(std::int32_t partition) const {
    const auto path = path_of(partition);
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored)) return {};
    try {
        const store::PartitionReader file(path);
        if (file.stage() != raw_stage || file.key() != key_) return {};
        EncodedPartition made;
        made.rows = file.shape(dataset_name)[0];
        made.vectors = file.read<float>(dataset_name);
        made.rows_without_text = file.integer_attribute("/", "users_without_text");
        made.texts = file.integer_attribute("/", "texts");
        made.tokens = file.integer_attribute("/", "tokens");
        read_rejected(file, made);
        return made;
    } catch (const base::Error& error) {
        if (error.kind() != base::ErrorKind::environment) throw;
        return {};
    }
}

void RawVectors::remove() const {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
}

}  // namespace kohort::encode
