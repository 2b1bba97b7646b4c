// What belongs together in contrastive training: where the two sides of a user's pair come from.
#pragma once

namespace kohort::train {

enum class PairKind {
    halves,          // two groups of a user's texts
    events,          // two single texts of a user
    rest,            // each of a user's texts in turn, and the rest of them
    query_item,      // a search, and the event with an item that followed it
    title_category,  // an event's text, and its item's category
    dropout,         // one text twice, told apart by dropout alone (Gao, Yao and Chen 2021, "SimCSE", section 3)
};

// Which pairs besides a user's own are no negatives.
enum class FalseNegatives {
    users,  // those of the same user
    texts,  // also those one side of which has the same texts
};

}  // namespace kohort::train
