#include "cluster/seeding.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/stop_signal.h"
#include "base/worker_threads.h"
#include "cluster/canonical_distance.h"
#include "parallel/heartbeat.h"

namespace kohort::cluster {
namespace {

// Candidates are summed in chunks of fixed size, and chunks in order, so that threads change no rounding.
constexpr std::size_t chunk_size = 512;
// Below this many multiplications a second thread costs more than it saves.
constexpr double least_work_per_thread = 1 << 20;

class Seeder {
  public:
    Seeder(const Candidates& candidates, std::int64_t k, int threads)
        : candidates_(candidates),
          size_(candidates.rows.size()),
          trials_(2 + static_cast<int>(std::log(static_cast<double>(k)))),
          masses_(size_),
          distances_(size_, std::numeric_limits<double>::infinity()),
          trial_distances_(static_cast<std::size_t>(trials_), std::vector<double>(size_)),
          taken_(size_, false) {
        const double work = static_cast<double>(size_) * static_cast<double>(candidates.dimensions) * trials_;
        threads_ = static_cast<int>(std::clamp(work / least_work_per_thread, 1.0, static_cast<double>(std::max(threads, 1))));
    }

    std::vector<float> run(std::int64_t k, const std::function<double(std::int64_t, int)>& uniform) {
        for (std::size_t i = 0; i < size_; ++i) masses_[i] = static_cast<double>(candidates_.weights[i]);
        take(pick(uniform(0, 0)), 0);
        for (std::int64_t step = 1; step < k; ++step) {
            base::leave_if_stop_requested("placing the first centroids");
            for (std::size_t i = 0; i < size_; ++i) masses_[i] = static_cast<double>(candidates_.weights[i]) * distances_[i];
            const double potential = std::accumulate(masses_.begin(), masses_.end(), 0.0);
            if (!(potential > 0)) {
                fill(k);
                break;
            }
            std::vector<std::size_t> tried;
            for (int trial = 0; trial < trials_; ++trial) tried.push_back(pick(uniform(step, trial)));
            const std::vector<double> potentials = try_candidates(tried);
            const auto best = static_cast<std::size_t>(std::ranges::min_element(potentials) - potentials.begin());
            distances_.swap(trial_distances_[best]);
            add(tried[best]);
        }
        return std::move(centroids_);
    }

  private:
    // The first candidate at which the running sum of masses exceeds number * total.
    std::size_t pick(double number) const {
        const double target = number * std::accumulate(masses_.begin(), masses_.end(), 0.0);
        double sum = 0;
        std::size_t last = 0;
        for (std::size_t i = 0; i < size_; ++i) {
            if (!(masses_[i] > 0)) continue;
            sum += masses_[i];
            last = i;
            if (sum > target) break;
        }
        return last;
    }

    void take(std::size_t candidate, std::size_t slot) {
        try_candidates({candidate});
        distances_.swap(trial_distances_[slot]);
        add(candidate);
    }

    void add(std::size_t candidate) {
        taken_[candidate] = true;
        const float* first = value(candidate);
        centroids_.insert(centroids_.end(), first, first + candidates_.dimensions);
    }

    void fill(std::int64_t k) {
        const auto wanted = static_cast<std::size_t>(k * candidates_.dimensions);
        for (std::size_t i = 0; i < size_ && centroids_.size() < wanted; ++i)
            if (!taken_[i]) add(i);
    }

    // trial_distances_[t][i] = the distance of candidate i if tried[t] became a centre; returns each potential then.
    std::vector<double> try_candidates(const std::vector<std::size_t>& tried) {
        const std::size_t chunks = (size_ + chunk_size - 1) / chunk_size;
        std::vector<double> sums(tried.size() * chunks);
        base::parallel_for(threads_, static_cast<std::int64_t>(chunks), [&](std::int64_t index) {
            parallel::heartbeat();  // with many centres and dimensions this takes minutes, and no rank waits for another
            const auto chunk = static_cast<std::size_t>(index);
            for (std::size_t i = chunk * chunk_size; i < std::min(size_, (chunk + 1) * chunk_size); ++i)
                for (std::size_t t = 0; t < tried.size(); ++t) {
                    const double distance = canonical_distance(value(i), value(tried[t]), candidates_.dimensions);
                    trial_distances_[t][i] = std::min(distances_[i], distance);
                    sums[t * chunks + chunk] += static_cast<double>(candidates_.weights[i]) * trial_distances_[t][i];
                }
        });
        std::vector<double> potentials(tried.size());
        for (std::size_t t = 0; t < tried.size(); ++t)
            for (std::size_t chunk = 0; chunk < chunks; ++chunk) potentials[t] += sums[t * chunks + chunk];
        return potentials;
    }

    const float* value(std::size_t candidate) const {
        return candidates_.values.data() + static_cast<std::int64_t>(candidate) * candidates_.dimensions;
    }

    const Candidates& candidates_;
    std::size_t size_;
    int trials_, threads_ = 1;
    std::vector<double> masses_, distances_;
    std::vector<std::vector<double>> trial_distances_;
    std::vector<bool> taken_;
    std::vector<float> centroids_;
};

}  // namespace

std::vector<float> seed_centroids(const Candidates& candidates, std::int64_t k, int threads,
                                  const std::function<double(std::int64_t step, int trial)>& uniform) {
    return Seeder(candidates, k, threads).run(k, uniform);
}

}  // namespace kohort::cluster
