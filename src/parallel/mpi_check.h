// Turns the code that an MPI function returned into an exception. For the MPI files of this folder.
#pragma once

namespace kohort::parallel {

// Error(internal) naming the call and MPI's own words, unless `code` is MPI_SUCCESS.
void check_mpi(int code, const char* call);

}  // namespace kohort::parallel
