// A run of three small stages made by any number of ranks, for the tests of resume and verify.
#pragma once

#include <atomic>
#include <cmath>
#include <string>
#include <vector>

#include "base/atomic_file.h"
#include "base/hash.h"
#include "parallel/collectives.h"
#include "parallel/partition_queue.h"
#include "parallel/thread_communicator.h"
#include "store/partition_file.h"
#include "store/run_folder.h"

namespace kohort::store {

struct SmallRun {
    std::filesystem::path path;
    int partitions = 7;
    std::string clusters = "10";
    // A crash: every rank leaves after this many files of the stage named "segment".
    int files_before_crash = 1 << 20;
    std::atomic<int> written{0};

    int rows(int partition) const { return partition % 3 == 0 ? 0 : partition; }  // some are empty

    StageKey corpus_key() const {
        return StageKey("corpus").add("format", std::int64_t{1}).add("--input", "a.csv 4711");
    }
    StageKey segment_key() const {
        return StageKey("segment")
            .add_stage(corpus_key())
            .add("--clusters", clusters)
            .add("--seed", std::int64_t{1});
    }

    std::string write_corpus(const std::filesystem::path& file, int partition) const {
        PartitionWriter writer(file, "corpus", corpus_key().hash());
        std::vector<std::string> ids;
        for (int row = 0; row < rows(partition); ++row)
            ids.push_back("user " + std::to_string(100 * partition + row));
        writer.write_strings("/obs/_index", ids, 12);
        return writer.commit();
    }

    std::string write_segment(const std::filesystem::path& file, int partition) const {
        PartitionWriter writer(file, "segment", segment_key().hash());
        const auto count = static_cast<std::size_t>(rows(partition));
        std::vector<std::int32_t> segment(count), second(count);
        std::vector<float> margin(count), distance(count), map(2 * count), vectors(3 * count);
        for (std::size_t row = 0; row < count; ++row) {
            segment[row] = static_cast<std::int32_t>((row + static_cast<std::size_t>(partition)) % 3);
            second[row] = (segment[row] + 1) % 3;
            margin[row] = 0.25f * static_cast<float>(row);
            distance[row] = std::sqrt(static_cast<float>(row));
            for (std::size_t i = 0; i < 2; ++i)
                map[2 * row + i] = static_cast<float>(row) - static_cast<float>(i);
        }
        const auto n = static_cast<std::int64_t>(count);
        writer.write("/obs/segment", segment, Filter::none);
        writer.write("/obs/second", second, Filter::deflate);
        writer.write("/obs/distance", distance, Filter::none);
        writer.write("/obs/margin", margin, Filter::none);
        writer.write("/obsm/map", std::span<const float>(map), {n, 2}, Filter::none);
        return writer.commit();
    }

    std::string write_embedding(const std::filesystem::path& file, int partition) const {
        PartitionWriter writer(file, "embedding", "e");
        std::vector<float> vectors;
        for (int i = 0; i < 4 * rows(partition); ++i)
            vectors.push_back(static_cast<float>(1000 * partition + i));
        writer.write("/obsm/embedding", std::span<const float>(vectors), {rows(partition), 4}, Filter::none);
        return writer.commit();
    }

    template <class Write>
    void stage(parallel::Communicator& comm, RunFolder& run, const StageKey& key, Write write,
               bool may_crash) {
        Stage stage(comm, run, key, {key.stage()});
        if (stage.complete()) return;
        std::vector<std::int32_t> order;
        for (int partition = partitions - 1; partition >= 0; --partition) order.push_back(partition);
        parallel::PartitionQueue queue(comm, order);
        while (const auto partition = queue.claim()) {
            const auto name = key.stage() + "/" + partition_file_name(*partition);
            if (stage.reusable(name)) continue;
            if (may_crash && written++ >= files_before_crash) break;
            stage.add(name, write(path / name, *partition));
        }
        parallel::barrier(comm);  // all ranks crash or none
        if (may_crash && written > files_before_crash) return;
        stage.finish();
    }

    void make(parallel::Communicator& comm, OpenMode mode) {
        RunFolder run(comm, path, mode);
        run.describe("command", "kohort test");
        stage(
            comm, run, corpus_key(), [&](const auto& file, int p) { return write_corpus(file, p); }, false);
        stage(
            comm, run, segment_key(), [&](const auto& file, int p) { return write_segment(file, p); }, true);
        if (written > files_before_crash) return;
        Stage report(comm, run, StageKey("report").add_stage(segment_key()), {"."});
        if (report.complete()) return;
        if (comm.is_root()) {
            for (const std::string name : {"segments.csv", "report.html"}) {
                base::write_file_atomically(path / name, "content of " + name + "\n");
                report.add(name, base::sha256_file(path / name));
            }
        }
        report.finish();
    }

    void make(int ranks, OpenMode mode) {
        written = 0;
        parallel::run_thread_ranks(ranks, [&](parallel::Communicator& comm) { make(comm, mode); });
    }
};

inline Verification verify_at(int ranks, const std::filesystem::path& run) {
    Verification result;
    parallel::run_thread_ranks(ranks, [&](parallel::Communicator& comm) {
        const auto mine = verify(comm, run);
        if (comm.rank() == comm.size() - 1) result = mine;
    });
    return result;
}

}  // namespace kohort::store
