#include "train/bucket_thread.h"

#include <algorithm>

namespace kohort::train {

BucketThread::BucketThread(std::function<void(std::int64_t)> work) : work_(std::move(work)), thread_([this] { run(); }) {}

BucketThread::~BucketThread() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
}

void BucketThread::begin(std::int64_t jobs) {
    std::unique_lock lock(mutex_);
    released_.clear();
    changed_.wait(lock, [this] { return !working_; });
    released_.assign(static_cast<std::size_t>(jobs), 0);
    next_ = 0;
    error_ = nullptr;
}

void BucketThread::release(std::int64_t job) {
    {
        const std::lock_guard lock(mutex_);
        released_[static_cast<std::size_t>(job)] = 1;
    }
    changed_.notify_all();
}

void BucketThread::finish() {
    std::unique_lock lock(mutex_);
    std::fill(released_.begin(), released_.end(), 1);
    changed_.notify_all();
    changed_.wait(lock, [this] { return !working_ && (error_ || !next_is_ready()); });
    if (error_) std::rethrow_exception(error_);
}

void BucketThread::run() {
    std::unique_lock lock(mutex_);
    while (true) {
        changed_.wait(lock, [this] { return stopping_ || (!error_ && next_is_ready()); });
        if (stopping_) return;
        const std::int64_t job = next_++;
        working_ = true;
        lock.unlock();
        std::exception_ptr error;
        try {
            work_(job);
        } catch (...) {
            error = std::current_exception();
        }
        lock.lock();
        working_ = false;
        error_ = error;
        changed_.notify_all();
    }
}

}  // namespace kohort::train
