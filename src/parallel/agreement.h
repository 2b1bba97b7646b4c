// How an exception on one rank becomes the end of the whole job, with one message and one exit code; and how ranks
// agree on a failure or a stop that each of them may have found.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include "parallel/communicator.h"

namespace kohort::parallel {

// Runs the job of this rank and returns the exit code of the program, the same on all ranks. Collective.
//
// base::Error ends the job with its exit code and its one line "error: …" (for ErrorKind::stopped a warning: it is
// no error). Any other exception counts as internal. When several ranks fail, the lowest one's error counts. A rank
// that leaves because of a peer is silent. Before they leave, the ranks wait for each other at most `patience`;
// then a rank that still computes or hangs is ended by force.
int run_guarded(Communicator& comm, const std::function<int()>& job,
                std::chrono::milliseconds patience = std::chrono::seconds(5));

// Runs local work on every rank and makes all of them fail alike if it failed anywhere: each throws the error of
// the lowest rank that failed. For checks at the boundaries of stages, where all ranks may find the same fault.
// Collective. `work` must not communicate.
void agree(Communicator& comm, const std::function<void()>& work);

// Makes all ranks fail with Error(environment) unless `mine` is the same on all of them: "the ranks run on different
// WHAT (A and B); ADVICE". Collective.
void require_equal(Communicator& comm, const std::string& mine, std::string_view what, std::string_view advice);

// Whether any rank was asked to stop. Collective: every rank gets the same answer and can stop at the same place.
bool stop_agreed(Communicator& comm);

}  // namespace kohort::parallel
