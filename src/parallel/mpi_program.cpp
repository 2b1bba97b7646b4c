#include "parallel/mpi_program.h"

#include "base/log.h"
#include "parallel/agreement.h"
#include "parallel/launch_check.h"

namespace kohort::parallel {
namespace {

// The exit code of `body`; what it throws is printed here, where it is ours to say.
int reported(const std::function<int()>& body) {
    try {
        return body();
    } catch (const PeerError& error) {
        return error.exit_code();
    } catch (const base::Error& error) {
        base::print_error(error.what());
        return error.exit_code();
    } catch (const std::exception& error) {
        base::print_error(error.what());
        return static_cast<int>(base::ErrorKind::internal);
    }
}

}  // namespace

int run_on_all_ranks(const MpiOptions& options, const std::function<int(Communicator&)>& job,
                     std::chrono::milliseconds patience) {
    return reported([&] {
        MpiSession session;
        // Reported while the session lives: its end waits for all ranks, so that no other rank's exit makes the
        // launcher kill the one that has something to say.
        return reported([&] {
            check_launch(session);
            const auto comm = make_mpi_communicator(session, options);
            return run_guarded(*comm, [&] { return job(*comm); }, patience);
        });
    });
}

}  // namespace kohort::parallel
