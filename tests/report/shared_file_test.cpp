#include "report/shared_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/atomic_file.h"
#include "base/hash.h"
#include "parallel/thread_communicator.h"

namespace kohort::report {
namespace {

TEST(SharedFile, has_the_same_bytes_at_any_number_of_ranks) {
    const auto path = std::filesystem::path(testing::TempDir()) / ("shared_" + std::to_string(::getpid()) + ".csv");
    for (const int ranks : {1, 2, 3, 5}) {
        parallel::run_thread_ranks(ranks, [&](parallel::Communicator& comm) {
            std::map<std::int32_t, std::string> mine;
            for (std::int32_t piece = 0; piece < 4; ++piece)  // at five ranks one has nothing; piece 2 is empty
                if (piece % comm.size() == comm.rank()) mine[piece] = piece == 2 ? "" : "piece " + std::to_string(piece) + "\n";
            const auto sha = write_shared_file(comm, path, "head\n", mine, 4);
            if (comm.is_root()) EXPECT_EQ(sha, base::sha256_hex("head\npiece 0\npiece 1\npiece 3\n"));
            else EXPECT_EQ(sha, "");
        });
        EXPECT_EQ(base::read_file(path), "head\npiece 0\npiece 1\npiece 3\n");
        std::filesystem::remove(path);
    }
}

}  // namespace
}  // namespace kohort::report
