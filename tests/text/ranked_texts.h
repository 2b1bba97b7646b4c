// Texts that several ranks hold, and what rank 0 makes of them.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "parallel/thread_communicator.h"
#include "text/text_source.h"

namespace kohort::text {

// Deals the texts to ranks unevenly: the last rank of several has none, the first most.
inline TextSource share(const std::vector<std::string>& texts, int rank, int ranks, bool reversed) {
    return [&texts, rank, ranks, reversed](const std::function<void(std::string_view)>& each) {
        for (std::size_t k = 0; k < texts.size(); ++k) {
            const std::size_t i = reversed ? texts.size() - 1 - k : k;
            const int owner = ranks == 1 || i % 3 == 0 ? 0 : static_cast<int>(i) % (ranks - 1);
            if (owner == rank) each(texts[i]);
        }
    };
}

template <class Result>
Result on_ranks(int ranks, const std::function<Result(parallel::Communicator&)>& body) {
    Result root{};
    std::mutex mutex;
    parallel::run_thread_ranks(ranks, [&](parallel::Communicator& comm) {
        Result mine = body(comm);
        if (comm.is_root()) {
            const std::lock_guard lock(mutex);
            root = std::move(mine);
        }
    });
    return root;
}

}  // namespace kohort::text
