#include "encode/encode_table.h"

#include <numeric>

#include "base/error.h"
#include "base/log.h"
#include "base/progress.h"
#include "encode/encode_partitions.h"
#include "parallel/agreement.h"
#include "store/virtual_index.h"

namespace kohort::encode {
namespace {

EncodedPartition encode_rows(const TextEncoder& encoder, const corpus::TextTable& table, std::int32_t partition) {
    const auto read = table.read(partition);
    for (std::size_t i = 0; i < read.ids.size(); ++i)
        for (const std::int32_t id : read.ids[i])
            if (id >= encoder.vocabulary())
                base::fail(base::ErrorKind::input, "row {} (the first is 0) has the token id {}, and the model embeds {}; were they made by its tokenizer?",
                           table.first_row(partition) + static_cast<std::int64_t>(i), id, encoder.vocabulary());
    const std::vector<std::string_view> texts(read.texts.begin(), read.texts.end());
    auto encoded = table.holds_ids() ? encoder.encode_ids(read.ids) : encoder.encode(texts);
    const auto with_text = std::accumulate(encoded.has_tokens.begin(), encoded.has_tokens.end(), std::int64_t{0});
    return {std::move(encoded.vectors),
            table.partition_rows(partition),
            table.partition_rows(partition) - with_text,
            with_text,
            encoded.tokens,
            encoded.long_texts,
            0,
            read.rejected,
            read.first_rejected,
            std::string(corpus::describe(read.reason))};
}

}  // namespace

EncodeReport encode_table(parallel::Communicator& comm, const store::RunFolder& run, store::Stage& stage,
                          const store::StageKey& key, const model::Encoder& model, const text::Tokenizer* tokenizer,
                          const corpus::TextTable& table, double max_bad_fraction, const EncodeOptions& options) {
    auto texts_options = options.texts;
    texts_options.unit = options.normalize;
    const TextEncoder encoder(model, tokenizer, texts_options);
    PartitionWork work = {
        {}, {}, table.rows(), "rows", [&](std::int32_t partition) { return encode_rows(encoder, table, partition); }};
    for (std::int32_t p = 0; p < table.partitions(); ++p) {
        work.order.push_back(p);
        work.rows_before.push_back(table.first_row(p));
    }
    auto report = encode_partitions(comm, run, stage, key, encoder.dimension(), work, options);
    const auto bad = report.rejected;
    parallel::agree(comm, [&] {
        const bool too_many = static_cast<double>(bad) > max_bad_fraction * static_cast<double>(table.rows());
        if (!too_many || report.first_rejected < 0) return;
        base::fail(base::ErrorKind::input, "{} of {} rows are no records, more than --max-bad-fraction {}; row {} (the first is 0): {}", bad,
                   table.rows(), max_bad_fraction, report.first_rejected, report.rejected_because);
    });
    if (bad > 0) report.summary += fmt::format("; {} rows are no records", base::human_count(bad));
    const auto digest = store::write_virtual_index(comm, run.path(), {key.stage(), key.hash(), table.partitions(), {}});
    if (comm.is_root()) stage.add("kohort.h5", digest);
    return report;
}

}  // namespace kohort::encode
