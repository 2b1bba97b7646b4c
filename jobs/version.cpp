#include "version.h"

#include <dlfcn.h>

#include <fmt/format.h>

#include "model/torch_version.h"
#include "parallel/mpi_version.h"
#include "store/hdf5_version.h"
#include "text/word_iterator.h"

namespace kohort::jobs {

std::string build_version() { return KOHORT_VERSION; }

// OpenBLAS says who it is; LibTorch's wheels carry MKL inside.
std::string blas_version() {
    if (auto* config = reinterpret_cast<const char* (*)()>(::dlsym(RTLD_DEFAULT, "openblas_get_config"))) return config();
    if (model::torch_has_mkl()) return "MKL inside LibTorch";
    return "BLAS of the system, not OpenBLAS: slow where it is the reference one";
}

std::string version_text() {
    return fmt::format("kohort {}\n{}\n{}\n{}\n{}\n{}\n", KOHORT_VERSION, parallel::mpi_version(), model::torch_version(), blas_version(),
                       store::hdf5_version(), text::word_rules_version());
}

}  // namespace kohort::jobs
