// How much a user's events count: by what was done, and by how long ago.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "corpus/user_document.h"

namespace kohort::encode {

using BehaviorWeights = std::map<std::string, double, std::less<>>;

// An event weighs its behaviour's weight (1 for one that is not named here) times 2^-(age / half life). Ages are taken from
// the newest of the user's events that count. From the newest of the corpus they would all be longer by as much, which is
// one factor in all weights of a user and leaves their weighted mean as it is, but the weights of users who left long ago
// would become too small for a double. An event without a time is not aged.
struct EventWeights {
    BehaviorWeights behaviors;  // 0: such events do not count
    double half_life_days = 0;  // 0: age does not count

    bool all_equal() const { return behaviors.empty() && half_life_days == 0; }
};

// "buy=3,view=1": names to weights from 0 to 1,000,000. "" is no weights. Error(usage) for
// what is anything else, or a name given twice.
BehaviorWeights parse_behavior_weights(std::string_view option);

// The weights in one order, as in "buy=3,view=1": equal ones have equal text.
std::string text_of(const BehaviorWeights& behaviors);

// [events] of one user, whose partition has these behaviours; 0 for an event without text.
std::vector<double> weigh_events(std::span<const corpus::Event> events, std::span<const std::string> behaviors,
                                 const EventWeights& weights);

// A notice for people, once for a corpus: of weights whose behaviour occurs nowhere.
void warn_about_unknown_behaviors(const EventWeights& weights, std::span<const std::string> behaviors);

}  // namespace kohort::encode
