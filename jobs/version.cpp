#include "version.h"

#include <fmt/format.h>

#include "model/library_versions.h"
#include "parallel/mpi_communicator.h"
#include "store/partition_file.h"
#include "text/word_iterator.h"

namespace kohort::jobs {

std::string build_version() { return KOHORT_VERSION; }

std::string version_text() { return fmt::format("kohort {}\n", KOHORT_VERSION); }

}  // namespace kohort::jobs
