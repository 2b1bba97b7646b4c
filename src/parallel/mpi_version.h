// Which MPI the program runs with, for `kohort --version` and the manifest.
#pragma once

#include <string>

namespace kohort::parallel {

std::string mpi_version();  // "Open MPI v4.1.4"; needs no initialised MPI

}  // namespace kohort::parallel
