// One failure for all: work of rank 0 alone, and problems that ranks find in their own pieces of work, end on
// every rank alike, by one error that is told once (parallel/agreement.h).
#pragma once

#include <cstdint>
#include <exception>
#include <limits>

#include "base/error.h"
#include "parallel/agreement.h"

namespace kohort::store {

// Collective. Runs `action` on rank 0; no rank gets past this call before it is done, or when it failed.
template <class Action>
void on_root(parallel::Communicator& comm, Action action) {
    parallel::agree(comm, [&] {
        if (comm.is_root()) action();
    });
}

// What went wrong in the pieces of work that this rank has done; the first piece counts.
class FirstProblem {
  public:
    // Runs `work` for the piece numbered `piece`; an Error of it is kept for later.
    template <class Work>
    void guard(std::int64_t piece, Work work) {
        try {
            work();
        } catch (const base::Error&) {
            if (piece >= piece_) return;
            piece_ = piece;
            problem_ = std::current_exception();
        }
    }

    // Collective. Throws on all ranks when any rank has kept a problem.
    void tell(parallel::Communicator& comm) const {
        parallel::agree(comm, [&] {
            if (problem_) std::rethrow_exception(problem_);
        });
    }

  private:
    std::int64_t piece_ = std::numeric_limits<std::int64_t>::max();
    std::exception_ptr problem_;
};

}  // namespace kohort::store
