// main of a GoogleTest program that runs under mpirun: a failure on any rank makes the program fail on all.
#include <gtest/gtest.h>

#include <cstdio>

#include "mpi_world.h"
#include "parallel/collectives.h"
#include "parallel/mpi_communicator.h"

namespace kohort::parallel {
namespace {

MpiSession* the_session = nullptr;
Communicator* the_world = nullptr;

// Rank 0 prints as usual. The other ranks print their failures only. After a fatal failure this rank no longer takes
// part in the test's collectives, so its peers must not wait for it.
class FailureListener : public testing::EmptyTestEventListener {
  public:
    void OnTestPartResult(const testing::TestPartResult& result) override {
        if (!result.failed()) return;
        if (!world().is_root())
            std::fprintf(stderr, "rank %d: %s:%d: %s\n", world().rank(), result.file_name(), result.line_number(),
                         result.message());
        if (result.fatally_failed()) world().announce_failure(1);
    }
};

int run(int argc, char** argv) {
    testing::InitGoogleTest(&argc, argv);
    MpiSession session;
    const auto world = make_mpi_communicator(session);
    the_session = &session;
    the_world = world.get();
    auto& listeners = testing::UnitTest::GetInstance()->listeners();
    if (!world->is_root()) delete listeners.Release(listeners.default_result_printer());
    listeners.Append(std::make_unique<FailureListener>().release());
    const int mine = RUN_ALL_TESTS();
    try {
        return all_max(*world, mine);
    } catch (const PeerError&) {
        session.abandon();
        return 1;
    }
}

}  // namespace

MpiSession& session() { return *the_session; }
Communicator& world() { return *the_world; }

}  // namespace kohort::parallel

int main(int argc, char** argv) { return kohort::parallel::run(argc, argv); }
