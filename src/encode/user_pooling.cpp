#include "encode/user_pooling.h"

#include <cmath>
#include <unordered_map>

namespace kohort::encode {

PartitionTexts collect_texts(const corpus::Partition& partition) {
    PartitionTexts result;
    std::unordered_map<std::string_view, std::int64_t> index_of;  // looked up only, never walked
    std::vector<std::int64_t> last_user;                          // [texts] the last user who was given the text
    result.user_offset.push_back(0);
    for (std::size_t user = 0; user < partition.users.size(); ++user) {
        for (const auto& event : partition.users[user].events) {
            if (event.text.empty()) continue;
            const auto [entry, is_new] = index_of.try_emplace(event.text, static_cast<std::int64_t>(result.texts.size()));
            if (is_new) {
                result.texts.push_back(event.text);
                last_user.push_back(-1);
            }
            auto& last = last_user[static_cast<std::size_t>(entry->second)];
            if (last == static_cast<std::int64_t>(user)) continue;
            last = static_cast<std::int64_t>(user);
            result.members.push_back(entry->second);
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
        std::int64_t count = 0;
        for (std::int64_t m = texts.user_offset[user]; m < texts.user_offset[user + 1]; ++m) {
            const auto text = static_cast<std::size_t>(texts.members[static_cast<std::size_t>(m)]);
            if (!has_tokens[text]) continue;
            for (std::size_t j = 0; j < width; ++j) sum[j] += text_vectors[text * width + j];
            ++count;
        }
        if (count == 0) {
            ++result.users_without_text;
            continue;
        }
        double divisor = static_cast<double>(count);
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
