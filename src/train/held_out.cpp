#include "train/held_out.h"

#include "base/philox.h"
#include "parallel/collectives.h"

namespace kohort::train {

std::vector<std::int64_t> held_out_samples(parallel::Communicator& comm, const TokenStore& store, SampleUnit unit, double share,
                                           std::uint64_t seed) {
    if (share <= 0) return {};
    const base::Philox random(seed, base::RandomPurpose::held_out);
    std::vector<std::int64_t> own;
    store.visit_users([&](const TokenStore::User& user) {
        if (random.uniform(static_cast<std::uint64_t>(user.number), 0) >= share) return;
        if (unit == SampleUnit::user) {
            if (user.sample >= 0) own.push_back(user.sample);
            return;
        }
        for (std::int64_t text = user.first_text; text < user.last_text; ++text) own.push_back(text);
    });
    return parallel::all_gather(comm, std::span<const std::int64_t>(own));  // ranks own consecutive samples
}

}  // namespace kohort::train
