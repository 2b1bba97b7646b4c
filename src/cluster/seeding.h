// The two drawing rules of the initialization, apart from where rows lie: k-means|| draws each row by its share of
// the potential; greedy weighted k-means++ picks k centres from the candidates. Replicated on every rank.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

namespace kohort::cluster {

struct Candidates {
    std::int64_t dimensions = 0;
    std::vector<std::int64_t> rows;     // [m] global ids, distinct
    std::vector<float> values;          // [m, d]
    std::vector<std::int64_t> weights;  // [m] rows each stands for
};

// Bahmani et al. 2012, algorithm 2, line 4: a row at squared distance `distance` from the candidates is drawn with
// probability min(1, expected * distance / potential). `number` is uniform in [0, 1).
inline bool is_drawn(double number, double distance, double potential, double expected) {
    return number * potential < expected * distance;
}

// Greedy k-means++ (Arthur and Vassilvitskii 2007, section 2.2; the greedy form of their experiments): each step
// draws 2 + floor(ln k) candidates by weight times squared distance and keeps the one that lowers the potential
// most (ties to the first drawn). The first centre is drawn by weight. When no potential is left, the candidates not
// yet taken follow in order. uniform(step, trial) in [0, 1) supplies the numbers; step < k.
// Returns [k, d]; k <= candidates. The same for any number of threads.
std::vector<float> seed_centroids(const Candidates& candidates, std::int64_t k, int threads,
                                  const std::function<double(std::int64_t step, int trial)>& uniform);

}  // namespace kohort::cluster
