// One failure, told once: what several ranks do together ends on all of them, or fails on exactly one of them and
// ends no other rank's work well. (The others leave by PeerError when the failing rank announces itself.)
#pragma once

#include <cstdint>
#include <exception>
#include <limits>

#include "base/error.h"
#include "parallel/collectives.h"

namespace kohort::store {

// Runs `action` on rank 0. When it throws there, no other rank gets past this call.
template <class Action>
void on_root(parallel::Communicator& comm, Action action) {
    if (comm.is_root()) action();
    parallel::barrier(comm);
}

// What went wrong in the pieces of work that this rank has done; only the first piece counts.
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

    // Collective. The rank that has the problem of the lowest piece throws it; the others never return.
    void tell(parallel::Communicator& comm) const {
        const auto first = parallel::all_min(comm, piece_);
        if (first == none) return;
        const int teller = parallel::all_min(comm, piece_ == first ? comm.rank() : comm.size());
        if (comm.rank() == teller) std::rethrow_exception(problem_);
        parallel::barrier(comm);
    }

  private:
    static constexpr auto none = std::numeric_limits<std::int64_t>::max();
    std::int64_t piece_ = none;
    std::exception_ptr problem_;
};

}  // namespace kohort::store
