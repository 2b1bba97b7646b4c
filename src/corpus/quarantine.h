// Rejected records: never lost silently, never a reason to stop below a given fraction.
//
// quarantine.jsonl has one object a line, by (input, offset):
//   {"file": NAME, "offset": BYTE, "length": BYTES, "reason": NAME}
// The bytes [offset, offset + length) of that input are the record without its line break (of its decompressed
// bytes, where it is compressed). The record itself is not repeated: the file holds nothing of any user.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "corpus/rejection.h"
#include "parallel/communicator.h"

namespace kohort::corpus {

using ReasonCounts = std::array<std::int64_t, reason_names.size()>;

class Quarantine {
  public:
    // `file` is a name as it will stand in the rows. Records come in order of (file, offset).
    void add(std::string_view file, std::int64_t offset, std::int64_t length, Reason reason);

    const ReasonCounts& counts() const { return counts_; }
    const std::string& rows() const { return rows_; }

  private:
    std::string rows_;
    ReasonCounts counts_{};
};

// Collective. Writes the rows of the given quarantines, each of all ranks, to `path`; lower ranks' rows come first.
void write_quarantines(parallel::Communicator& comm, const std::filesystem::path& path,
                       const std::vector<const Quarantine*>& quarantines);

// "3 too_few_fields, 1 nul_byte", most frequent first.
std::string describe(const ReasonCounts& counts);

}  // namespace kohort::corpus
