// The vectors that the cluster job reads: a run's embedding, or any matrix in a file. Each rank has whole partitions,
// one after another, and reads them when they are needed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "cluster/initialization.h"
#include "cluster/row_source.h"
#include "job_context.h"

namespace kohort::jobs {

class VectorInput : public cluster::RowSource {
  public:
    // counts: rows of each partition, equal on all ranks.
    VectorInput(const parallel::Communicator& comm, const std::vector<std::int64_t>& counts);

    std::int64_t rows() const { return first_row_.back(); }  // of all ranks
    std::int32_t first_partition() const { return first_partition_; }  // of this rank; the ranges are its partitions
    const std::vector<Range>& ranges() const override { return ranges_; }

  protected:
    std::vector<std::int64_t> first_row_;  // [partitions + 1]

  private:
    std::int32_t first_partition_ = 0;
    std::vector<Range> ranges_;
};

// Collective. Of the run in this folder.
std::unique_ptr<VectorInput> run_vectors(JobContext& context, const std::filesystem::path& run);
// Collective. "FILE.h5:/path" or "FILE.npy"; its partitions are ranges of its rows.
std::unique_ptr<VectorInput> dataset_vectors(JobContext& context, const std::string& name);

// Collective. The weights of this rank's rows, from the file that --weights names; none where there is no such option.
// Error(usage) where it has not one number for each of the input's rows, Error(input) for a number below 0 or none.
std::vector<float> row_weights(JobContext& context, const VectorInput& input);

// "4G", "512M", "auto": bytes; nothing for auto. Error(usage) otherwise.
std::optional<std::int64_t> parse_memory(const std::string& text);

// Collective, equal on all ranks: whether to read the vectors again in each pass, by --stream and --memory. Logs why.
// Error(usage) where not even that fits.
bool choose_streaming(JobContext& context, const VectorInput& input, std::int64_t clusters, cluster::Initialization how);

}  // namespace kohort::jobs
