// The numeric environment of the process, fixed before any library is used, so that the same build on the same kind
// of machine gives the same floating-point bits at any number of ranks and with any binding of ranks to cores.
#pragma once

#include <string>

namespace kohort::jobs {

// Sets one BLAS and OpenMP thread, one instruction set for LibTorch, OpenBLAS and oneDNN, and starts the program
// again in place (exec) so that libraries see it from their first line. Returns in the second start.
// `isa` is "auto", "avx2" or "avx512"; forcing what the machine lacks is Error(environment).
void fix_numeric_environment(const std::string& isa, char** arguments);

// What is in force: "avx512", "avx2" or "baseline", and whether products of fp32 are made in tiles (split_product.h).
std::string instruction_set();

// The processor's name, for the check that all ranks run on one kind.
std::string processor_name();

// Cores this process may use now; cores of the node.
int usable_cores();
int node_cores();

// Lifts the launcher's binding of this process to fewer than `cores` cores: launchers bind by their own ideas of
// how many threads a rank has.
void widen_binding(int cores);

// This process's rank as its launcher says before MPI is started; 0 where there is none.
int launcher_rank();

}  // namespace kohort::jobs
