#include "corpus/synthetic.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <map>
#include <sstream>

#include "base/atomic_file.h"
#include "base/error.h"
#include "parallel/thread_communicator.h"

namespace kohort::corpus {
namespace {

class SyntheticCorpus : public testing::Test {
  protected:
    SyntheticCorpus() : folder_(std::filesystem::path(testing::TempDir()) / ("synthetic_" + std::to_string(::getpid()))) {}
    ~SyntheticCorpus() override { std::filesystem::remove_all(folder_); }
    std::string write(int ranks, const SyntheticOptions& options) {
        parallel::run_thread_ranks(ranks, [&](parallel::Communicator& comm) { write_synthetic_corpus(comm, folder_, options); });
        return base::read_file(folder_ / "events.csv") + base::read_file(folder_ / "truth.csv") + base::read_file(folder_ / "tags.csv");
    }
    std::filesystem::path folder_;
};

TEST_F(SyntheticCorpus, has_the_same_bytes_at_any_number_of_ranks) {
    SyntheticOptions options;
    options.users = 9000;  // more than one block of users, and ranks with nothing in the last round
    const auto one = write(1, options);
    for (const int ranks : {2, 3, 5}) EXPECT_EQ(write(ranks, options), one) << ranks;
    options.seed = 2;
    EXPECT_NE(write(1, options), one);
}

TEST_F(SyntheticCorpus, has_every_user_and_interest) {
    SyntheticOptions options;
    options.users = 800;
    options.interests = 4;
    write(2, options);
    std::istringstream truth(base::read_file(folder_ / "truth.csv"));
    std::map<std::string, int> interests;
    std::string line;
    std::getline(truth, line);
    while (std::getline(truth, line)) ++interests[line.substr(line.find(',') + 1)];
    EXPECT_EQ(interests.size(), 4u);
    int users = 0;
    for (const auto& [name, count] : interests) {
        EXPECT_NEAR(count, 200, 60) << name;
        users += count;
    }
    EXPECT_EQ(users, 800);
}

TEST(SyntheticOptionsTest, what_cannot_be_made_is_refused) {
    const auto comm = parallel::make_single_communicator();
    SyntheticOptions options;
    options.interests = 1000;
    EXPECT_THROW(write_synthetic_corpus(*comm, "/nowhere", options), base::Error);
    options.interests = 4;
    options.users = 0;
    EXPECT_THROW(write_synthetic_corpus(*comm, "/nowhere", options), base::Error);
}

}  // namespace
}  // namespace kohort::corpus
