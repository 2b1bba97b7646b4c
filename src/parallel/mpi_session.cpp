#include "parallel/mpi_session.h"

#include <mpi.h>

#include <cstdlib>
#include <string>

#include "base/error.h"
#include "parallel/mpi_check.h"

namespace kohort::parallel {
namespace {

bool has_variable(const char* name) { return std::getenv(name) != nullptr; }

// The variables by which an MPI launcher tells a process who it is.
bool started_by_launcher() {
#ifdef OPEN_MPI
    return has_variable("OMPI_COMM_WORLD_SIZE") || has_variable("PMIX_RANK");
#else
    return has_variable("PMI_RANK") || has_variable("PMIX_RANK") || has_variable("MPI_LOCALNRANKS");
#endif
}

}  // namespace

void check_mpi(int code, const char* call) {
    if (code == MPI_SUCCESS) return;
    char text[MPI_MAX_ERROR_STRING] = "";
    int length = 0;
    MPI_Error_string(code, text, &length);
    base::fail(base::ErrorKind::internal, "{} failed: {}", call, std::string(text, static_cast<std::size_t>(length)));
}

MpiSession::MpiSession() {
    if (!started_by_launcher()) return;
    // More ranks than cores: MPI's own blocking calls (here: initialisation and farewell) must not spin.
    ::setenv("OMPI_MCA_mpi_yield_when_idle", "1", 0);
    int provided = 0;
    check_mpi(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_MULTIPLE, &provided), "MPI_Init_thread");
    uses_mpi_ = true;
    check_mpi(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
    check_mpi(MPI_Comm_rank(MPI_COMM_WORLD, &rank_), "MPI_Comm_rank");
    check_mpi(MPI_Comm_size(MPI_COMM_WORLD, &size_), "MPI_Comm_size");
    if (provided < MPI_THREAD_MULTIPLE) {
        MPI_Finalize();
        base::fail(base::ErrorKind::environment,
                   "the MPI library does not let several threads communicate (MPI_THREAD_MULTIPLE); use one that is "
                   "built with thread support");
    }
}

MpiSession::~MpiSession() {
    if (uses_mpi_ && !abandoned_) MPI_Finalize();
}

void MpiSession::abort(int exit_code) {
    if (uses_mpi_) MPI_Abort(MPI_COMM_WORLD, exit_code);
    std::_Exit(exit_code);
}

}  // namespace kohort::parallel
