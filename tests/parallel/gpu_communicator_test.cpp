// The communicators for device buffers, on a made-up GPU and NCCL.
#include <gtest/gtest.h>

#include "collective_checks.h"
#include "fake_gpu.h"
#include "parallel/agreement.h"
#include "parallel/forwarding_communicator.h"
#include "parallel/device_communicator.h"
#include "parallel/nccl_communicator.h"
#include "parallel/staging_communicator.h"
#include "parallel/thread_communicator.h"

namespace kohort::parallel {
namespace {

using namespace std::chrono_literals;

// Thread ranks know no GPUs: gives each the one of its rank.
class WithGpu : public ForwardingCommunicator {
  public:
    explicit WithGpu(Communicator& inner) : ForwardingCommunicator(inner), topology_(inner.topology()) {
        topology_.device = rank();
    }
    const Topology& topology() const override { return topology_; }

  private:
    Topology topology_;
};

template <class T>
Buffer on_device(std::vector<T>& data, FakeStream& stream) {
    Buffer buffer = buffer_of(std::span<T>(data));
    buffer.device = Device::cuda;
    buffer.stream = &stream;
    return buffer;
}

class GpuRanks : public testing::TestWithParam<int> {};

template <class T>
void check_device_operations(Communicator& comm, FakeStream& stream, std::int64_t count) {
    constexpr auto sum = std::is_integral_v<T> ? ReduceOperation::sum : ReduceOperation::inexact_sum;
    const int ranks = comm.size();
    for (const auto operation : {sum, ReduceOperation::maximum}) {
        auto data = elements<T>(comm.rank(), count);
        comm.start_all_reduce(on_device(data, stream), operation).wait();
        EXPECT_EQ(data, reduced<T>(ranks, count, operation));

        auto whole = elements<T>(comm.rank(), count * ranks);
        std::vector<T> part(static_cast<std::size_t>(count));
        comm.start_reduce_scatter(on_device(whole, stream), on_device(part, stream), operation).wait();
        const auto expected = reduced<T>(ranks, count * ranks, operation);
        EXPECT_TRUE(std::equal(part.begin(), part.end(), expected.begin() + count * comm.rank()));
    }
    auto data = elements<T>(comm.rank(), count);
    comm.start_broadcast(on_device(data, stream), ranks - 1).wait();
    EXPECT_EQ(data, elements<T>(ranks - 1, count));
}

TEST_P(GpuRanks, staging_carries_every_operation_through_pinned_memory) {
    run_thread_ranks(GetParam(), [](Communicator& host) {
        const auto device = std::make_shared<FakeDevice>();
        FakeStream stream;
        WithGpu with_gpu(host);
        const auto comm = make_staging_communicator(with_gpu, device);
        EXPECT_EQ(device->used_device, host.rank());
        for (const std::int64_t count : {0, 1, 100}) {
            check_device_operations<std::int64_t>(*comm, stream, count);
            check_device_operations<float>(*comm, stream, count);

            auto scanned = elements<std::int64_t>(comm->rank(), count);
            comm->start_exclusive_scan(on_device(scanned, stream)).wait();
            EXPECT_EQ(scanned, comm->rank() == 0 ? std::vector<std::int64_t>(static_cast<std::size_t>(count))
                                                 : reduced<std::int64_t>(comm->rank(), count, ReduceOperation::sum));

            auto mine = elements<float>(comm->rank(), count);
            std::vector<float> all(static_cast<std::size_t>(count * comm->size()));
            const std::vector<std::int64_t> counts(static_cast<std::size_t>(comm->size()), count);
            comm->start_all_gather_v(on_device(mine, stream), on_device(all, stream), counts).wait();
            std::vector<float> gathered(comm->is_root() ? all.size() : 0), exchanged(all.size());
            comm->start_gather_v(on_device(mine, stream), on_device(gathered, stream), counts, 0).wait();
            comm->start_all_to_all_v(on_device(all, stream), counts, on_device(exchanged, stream), counts).wait();
            for (int r = 0; r < comm->size(); ++r) {
                const auto theirs = elements<float>(r, count), own = elements<float>(comm->rank(), count);
                EXPECT_TRUE(std::equal(theirs.begin(), theirs.end(), all.begin() + r * count));
                EXPECT_TRUE(std::equal(own.begin(), own.end(), exchanged.begin() + r * count));
            }
            if (comm->is_root()) {
                EXPECT_EQ(gathered, all);
            }
        }
        check_every_collective(*comm, 7);  // host buffers pass through
        EXPECT_LT(device->allocations, 20) << "pinned memory is not used again";
    });
}

TEST_P(GpuRanks, nccl_carries_device_buffers_and_the_host_everything_else) {
    FakeNccl nccl(GetParam());
    run_thread_ranks(GetParam(), [&](Communicator& host) {
        const auto device = std::make_shared<FakeDevice>();
        FakeStream stream;
        WithGpu with_gpu(host);
        const auto staging = make_staging_communicator(with_gpu, device);
        const auto comm = make_nccl_communicator(*staging, nccl.table(), device);
        for (const std::int64_t count : {1, 100}) {
            check_device_operations<std::int64_t>(*comm, stream, count);
            check_device_operations<float>(*comm, stream, count);
        }
        EXPECT_EQ(nccl.counts(comm->rank()).calls, 20);
        check_every_collective(*comm, 7);
        auto scanned = elements<std::int64_t>(comm->rank(), 5);
        comm->start_exclusive_scan(on_device(scanned, stream)).wait();  // which NCCL lacks
        EXPECT_EQ(nccl.counts(comm->rank()).calls, 20);
    });
    for (int r = 0; r < GetParam(); ++r) {
        EXPECT_EQ(nccl.counts(r).finalized, 1);
        EXPECT_EQ(nccl.counts(r).destroyed, 1);
        EXPECT_EQ(nccl.counts(r).aborted, 0);
        EXPECT_EQ(nccl.counts(r).misused, 0);
    }
}

TEST_P(GpuRanks, buckets_in_flight_end_before_the_host_communicates) {
    FakeNccl nccl(GetParam());
    run_thread_ranks(GetParam(), [&](Communicator& host) {
        FakeStream stream;
        WithGpu with_gpu(host);
        const auto comm = make_nccl_communicator(with_gpu, nccl.table(), std::make_shared<FakeDevice>());
        std::vector<std::vector<std::int64_t>> buckets;
        for (int i = 0; i < 4; ++i) buckets.push_back(elements<std::int64_t>(comm->rank(), 50 + i));
        std::vector<Request> requests;
        for (auto& bucket : buckets) requests.push_back(comm->start_all_reduce(on_device(bucket, stream), ReduceOperation::sum));
        EXPECT_EQ(stream.end() - stream.finished, 4);
        EXPECT_EQ(all_sum(*comm, 1), comm->size());
        EXPECT_EQ(stream.end() - stream.finished, 0);
        for (auto& request : requests) request.wait();
        for (int i = 0; i < 4; ++i)
            EXPECT_EQ(buckets[static_cast<std::size_t>(i)],
                      reduced<std::int64_t>(comm->size(), 50 + i, ReduceOperation::sum));
        EXPECT_EQ(comm->statistics().bytes, 8 * (50 + 51 + 52 + 53) + 4 + 1 * 128 * (comm->is_root() ? 1 : 0) + 4);
    });
}

// Runs a job on NCCL ranks; gives the standard error, having checked that every rank leaves with the code.
std::string failing_job(int ranks, FakeNccl& nccl, int expected_code, const std::function<void(Communicator&, FakeStream&)>& job) {
    testing::internal::CaptureStderr();
    run_thread_ranks(ranks, [&](Communicator& host) {
        FakeStream stream;
        WithGpu with_gpu(host);
        const int code = run_guarded(host, [&] {
            const auto comm = make_nccl_communicator(with_gpu, nccl.table(), std::make_shared<FakeDevice>());
            job(*comm, stream);
            return 0;
        });
        EXPECT_EQ(code, expected_code) << "rank " << host.rank();
    });
    return testing::internal::GetCapturedStderr();
}

// Four reductions in flight, of which the third ends nowhere on one rank.
void check_failure_of_the_third_call(int ranks, int failing, FakeNccl& nccl, int code) {
    const auto begin = std::chrono::steady_clock::now();
    const auto text = failing_job(ranks, nccl, code, [](Communicator& comm, FakeStream& stream) {
        std::vector<std::int64_t> a(10, 1), b(10, 2), c(10, 3), d(10, 4);
        std::vector<Request> requests;
        for (auto* data : {&a, &b, &c, &d})
            requests.push_back(comm.start_all_reduce(on_device(*data, stream), ReduceOperation::sum));
        for (auto& request : requests) request.wait();
        ADD_FAILURE() << "the third operation cannot have ended";
    });
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 30s);
    EXPECT_TRUE(text.starts_with("error: NCCL failed on rank " + std::to_string(failing))) << text;
    EXPECT_NE(text.find("all-reduce (operation 3): made-up failure"), std::string::npos) << text;
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << text;
    for (int r = 0; r < ranks; ++r) {
        EXPECT_EQ(nccl.counts(r).aborted, 1) << "rank " << r;
        EXPECT_EQ(nccl.counts(r).destroyed, 0);
        EXPECT_EQ(nccl.counts(r).misused, 0);
    }
}

TEST_P(GpuRanks, an_asynchronous_error_on_the_third_call_aborts_once_and_frees_all_ranks) {
    const int ranks = GetParam();
    for (const int failing : {0, ranks - 1})
        for (const auto& [result, code] : {std::pair(nccl_system_error, 4), std::pair(nccl_internal_error, 5)}) {
            FakeNccl in_the_call(ranks), while_waiting(ranks);
            in_the_call.fail_at(failing, 3, result);
            check_failure_of_the_third_call(ranks, failing, in_the_call, code);
            while_waiting.fail_later_at(failing, 3, result);
            check_failure_of_the_third_call(ranks, failing, while_waiting, code);
        }
}

TEST_P(GpuRanks, a_failure_beside_nccl_aborts_it_on_every_rank) {
    const int last = GetParam() - 1;
    FakeNccl nccl(GetParam());
    const auto text = failing_job(GetParam(), nccl, 3, [&](Communicator& comm, FakeStream& stream) {
        std::vector<float> data(10, 1);
        if (comm.rank() == last) base::fail(base::ErrorKind::input, "a bad record");
        comm.start_all_reduce(on_device(data, stream), ReduceOperation::inexact_sum).wait();
    });
    EXPECT_EQ(text, "error: a bad record\n");
    for (int r = 0; r <= last; ++r) {
        EXPECT_EQ(nccl.counts(r).aborted, 1);
        EXPECT_EQ(nccl.counts(r).misused, 0);
    }
}

TEST_P(GpuRanks, a_set_up_that_fails_is_reported_once) {
    FakeNccl no_id(GetParam());
    no_id.refuse_unique_id(nccl_system_error);
    EXPECT_TRUE(failing_job(GetParam(), no_id, 4, [](Communicator&, FakeStream&) {
                    FAIL();
                }).starts_with("error: NCCL failed on rank 0 (GPU 0) in get a unique id"));

    FakeNccl no_init(GetParam());
    no_init.refuse_init(GetParam() - 1, nccl_invalid_usage);
    const auto text = failing_job(GetParam(), no_init, 5, [](Communicator& comm, FakeStream&) { barrier(comm); });
    EXPECT_NE(text.find(" in set up: made-up failure 5"), std::string::npos) << text;
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << text;
    for (int r = 0; r < GetParam(); ++r) EXPECT_EQ(no_init.counts(r).aborted, 1);
}

TEST_P(GpuRanks, ranks_without_a_gpu_are_refused) {
    FakeNccl nccl(GetParam());
    run_thread_ranks(GetParam(), [&](Communicator& host) {
        try {
            make_nccl_communicator(host, nccl.table(), std::make_shared<FakeDevice>());
            ADD_FAILURE() << "no error";
        } catch (const base::Error& error) {
            EXPECT_EQ(error.exit_code(), 4);
        }
    });
}

TEST_P(GpuRanks, a_job_gets_what_its_ranks_and_gpus_allow) {
    const int ranks = GetParam();  // on one node with two GPUs
    FakeNccl nccl(ranks);
    run_thread_ranks(ranks, [&](Communicator& host) {
        const auto device = std::make_shared<FakeDevice>();
        FakeStream stream;
        WithGpu with_gpu(host);
        {
            DeviceCommunicator carrier(with_gpu, Collectives::automatic, true, device, nccl.table());
            EXPECT_EQ(carrier.description(), ranks == 2 ? "NCCL between GPUs" : "MPI through pinned host memory");
            check_device_operations<std::int64_t>(carrier.get(), stream, 50);
            EXPECT_EQ(nccl.counts(host.rank()).calls > 0, ranks == 2);
        }
        DeviceCommunicator on_host(with_gpu, Collectives::automatic, false, device, nccl.table());
        EXPECT_EQ(&on_host.get(), static_cast<Communicator*>(&with_gpu));
        if (ranks > 2) {
            EXPECT_THROW(DeviceCommunicator(with_gpu, Collectives::nccl, true, device, nccl.table()), base::Error);
        }
        EXPECT_THROW(DeviceCommunicator(with_gpu, Collectives::nccl, false, device, nccl.table()), base::Error);
    });
}

INSTANTIATE_TEST_SUITE_P(Ranks, GpuRanks, testing::Values(1, 2, 3, 5));

TEST(Gpu, device_buffers_do_not_reach_a_host_carrier_unstaged) {
    std::vector<std::int64_t> data(3);
    FakeStream stream;
    const auto comm = make_single_communicator();
    EXPECT_THROW(comm->start_all_reduce(on_device(data, stream), ReduceOperation::sum), base::Error);
}

}  // namespace
}  // namespace kohort::parallel
