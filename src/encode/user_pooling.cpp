#include "encode/user_pooling.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

namespace kohort::encode {

PartitionTexts collect_texts(const corpus::Partition& partition, const EventWeights& weights) {
    PartitionTexts result;
    std::unordered_map<std::string_view, std::int64_t> index_of;  // looked up only, never walked
    std::vector<std::int64_t> place;                              // [texts] among the members, of the last user with it
    result.user_offset.push_back(0);
    for (std::size_t user = 0; user < partition.users.size(); ++user) {
        const auto& events = partition.users[user].events;
        const auto event_weights = weigh_events(events, partition.behaviors, weights);
        for (std::size_t e = 0; e < events.size(); ++e) {
            const auto& event = events[e];
            if (event_weights[e] == 0) continue;
            result.events_without_time += event.time == 0;
            const auto [entry, is_new] = index_of.try_emplace(event.text, static_cast<std::int64_t>(result.texts.size()));
            if (is_new) {
                result.texts.push_back(event.text);
                place.push_back(-1);
            }
            auto& at = place[static_cast<std::size_t>(entry->second)];
            if (at >= result.user_offset.back()) {
                auto& weight = result.weights[static_cast<std::size_t>(at)];
                weight = std::max(weight, event_weights[e]);
                continue;
            }
            at = static_cast<std::int64_t>(result.members.size());
            result.members.push_back(entry->second);
            result.weights.push_back(event_weights[e]);
        }
        result.user_offset.push_back(static_cast<std::int64_t>(result.members.size()));
    }
    return result;
}

UserVectors pool_users(const PartitionTexts& texts, std::span<const float> text_vectors,
                       std::span<const std::uint8_t> has_tokens, std::int64_t dimension, bool normalize) {
    const auto width = static_cast<std::size_t>(dimension);
    const std::size_t users = texts.user_offset.size() - 1;
    UserVectors result{std::vector<float>(users * width), 0};
    std::vector<double> sum(width);
    for (std::size_t user = 0; user < users; ++user) {
        std::fill(sum.begin(), sum.end(), 0.0);
        double weights = 0;
        for (std::int64_t m = texts.user_offset[user]; m < texts.user_offset[user + 1]; ++m) {
            const auto text = static_cast<std::size_t>(texts.members[static_cast<std::size_t>(m)]);
            if (!has_tokens[text]) continue;
            const double weight = texts.weights[static_cast<std::size_t>(m)];
            for (std::size_t j = 0; j < width; ++j) sum[j] += weight * text_vectors[text * width + j];
            weights += weight;
        }
        if (weights == 0) {
            ++result.users_without_text;
            continue;
        }
        double divisor = weights;
        if (normalize) {
            double squares = 0;
            for (const double x : sum) squares += x * x;
            divisor = squares > 0 ? std::sqrt(squares) : 1;
        }
        for (std::size_t j = 0; j < width; ++j) result.values[user * width + j] = static_cast<float>(sum[j] / divisor);
    }
    return result;
}

}  // namespace kohort::encode
