// The item catalogue: texts of items, spread over the ranks by the item's hash and looked up by an all-to-all.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "corpus/column_mapping.h"
#include "corpus/input_set.h"
#include "corpus/keyed_shuffle.h"
#include "corpus/quarantine.h"

namespace kohort::corpus {

struct CatalogueReport {
    std::int64_t read = 0, kept = 0, rejected = 0;
    std::int64_t repeated = 0;  // records of an item that the catalogue had before; the first one's text counts
};

class ItemCatalogue {
  public:
    // Collective. Reads this rank's part of the catalogue and gives each item to its owner. Rejected records go to
    // `quarantine`. `input` is one file whose records have been found.
    ItemCatalogue(parallel::Communicator& comm, InputSet& input, const CatalogueMapping& mapping, std::int64_t round_bytes,
                  Quarantine& quarantine);

    // Collective. The texts of the items in `wanted` (no repeats) that the catalogue has; ranks ask for different
    // ones. Rounds of at most `round_items` items a rank.
    std::unordered_map<std::string, std::string> look_up(const std::vector<std::string_view>& wanted,
                                                         std::size_t round_items = std::size_t{1} << 17);

    const CatalogueReport& report() const { return report_; }  // of all ranks

  private:
    std::vector<char> answer(const std::vector<char>& questions) const;

    parallel::Communicator& comm_;
    KeyedShuffle shuffle_;
    std::vector<KeyedRecord> items_;  // sorted, one an item
    CatalogueReport report_;
};

}  // namespace kohort::corpus
