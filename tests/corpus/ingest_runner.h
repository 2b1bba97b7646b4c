// Runs ingest on thread-ranks in a folder of its own, and compares runs by bytes.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <map>
#include <mutex>
#include <string>

#include "base/atomic_file.h"
#include "base/log.h"
#include "corpus/ingest.h"
#include "corpus/test_folder.h"
#include "corpus/user_document.h"
#include "parallel/thread_communicator.h"

namespace kohort::corpus {

inline IngestReport ingest_on_ranks(int ranks, const std::filesystem::path& run_path, const IngestOptions& options,
                                    store::OpenMode mode = store::OpenMode::create) {
    base::set_up_log(base::LogLevel::error, 0);
    IngestReport report;
    std::mutex mutex;
    parallel::run_thread_ranks(ranks, [&](parallel::Communicator& comm) {
        store::RunFolder run(comm, run_path, mode);
        auto mine = ingest(comm, run, options);
        std::lock_guard lock(mutex);
        if (comm.is_root()) report = std::move(mine);
    });
    return report;
}

// Every file of RUN/corpus by its name.
inline std::map<std::string, std::string> corpus_files(const std::filesystem::path& run) {
    std::map<std::string, std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator(run / "corpus"))
        files[entry.path().filename().string()] = base::read_file(entry.path());
    return files;
}

// All users of a corpus by id.
inline std::map<std::string, UserDocument> users_by_id(const std::filesystem::path& run) {
    std::map<std::string, UserDocument> users;
    const auto info = read_corpus_info(run);
    for (std::int32_t p = 0; p < info.partitions; ++p)
        for (auto& user : read_partition(run, p).users) users[user.id] = user;
    return users;
}

// The folder of shared test data, empty where there is none.
inline std::filesystem::path shared_folder() {
    const char* given = std::getenv("KOHORT_SHARED");
    const auto folder = given ? std::filesystem::path(given) : std::filesystem::path(KOHORT_SOURCE_DIR) / "../shared";
    return std::filesystem::is_directory(folder / "data") ? folder : std::filesystem::path();
}

}  // namespace kohort::corpus
