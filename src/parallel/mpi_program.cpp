#include "parallel/mpi_program.h"

#include "base/log.h"
#include "parallel/agreement.h"
#include "parallel/launch_check.h"

namespace kohort::parallel {

int run_on_all_ranks(const MpiOptions& options, const std::function<int(Communicator&)>& job,
                     std::chrono::milliseconds patience) {
    try {
        MpiSession session;
        check_launch(session);
        const auto comm = make_mpi_communicator(session, options);
        return run_guarded(*comm, [&] { return job(*comm); }, patience);
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

}  // namespace kohort::parallel
