#include "version.h"

#include <fmt/format.h>

#include "model/torch_version.h"
#include "parallel/mpi_version.h"
#include "store/hdf5_version.h"
#include "text/word_iterator.h"

namespace kohort::jobs {

std::string build_version() { return KOHORT_VERSION; }

std::string version_text() {
    return fmt::format("kohort {}\n{}\n{}\n{}\n{}\n", KOHORT_VERSION, parallel::mpi_version(), model::torch_version(), store::hdf5_version(),
                       text::word_rules_version());
}

}  // namespace kohort::jobs
