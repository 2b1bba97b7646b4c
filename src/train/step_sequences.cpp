#include "train/step_sequences.h"

#include <numeric>

#include "parallel/collectives.h"

namespace kohort::train {
namespace {

// What this rank's samples became: their places in the step, and their sequences one after another.
struct Drawn {
    std::vector<std::int32_t> shape;  // for each own sample: sequences and their lengths, length of the note and the note
    std::vector<Sequence> sequences;
};

// Fills in per_sample, sample_of, lengths and notes from every rank's shapes.
void read_shapes(StepSequences& step, const std::vector<int>& owners, std::span<const std::int32_t> shapes,
                 const std::vector<std::int64_t>& counts) {
    std::vector<std::int64_t> at(counts.size(), 0);
    std::exclusive_scan(counts.begin(), counts.end(), at.begin(), std::int64_t{0});
    for (std::size_t sample = 0; sample < owners.size(); ++sample) {
        std::int64_t& next = at[static_cast<std::size_t>(owners[sample])];
        const std::int32_t count = shapes[static_cast<std::size_t>(next++)];
        step.per_sample.push_back(count);
        for (std::int32_t i = 0; i < count; ++i) {
            step.sample_of.push_back(static_cast<std::int32_t>(sample));
            step.lengths.push_back(shapes[static_cast<std::size_t>(next++)]);
        }
        const auto note = shapes.subspan(static_cast<std::size_t>(next) + 1, static_cast<std::size_t>(shapes[static_cast<std::size_t>(next)]));
        step.notes.emplace_back(note.begin(), note.end());
        next += 1 + std::ssize(note);
    }
    step.tokens = std::accumulate(step.lengths.begin(), step.lengths.end(), std::int64_t{0});
}

void exchange_ids(parallel::Communicator& comm, StepSequences& step, const std::vector<int>& owners,
                  const std::vector<Sequence>& drawn) {
    const auto places = static_cast<std::size_t>(step.count());
    std::vector<std::int32_t> micro_batch_of(places), row_of(places);
    for (std::size_t m = 0; m < step.micro_batches.size(); ++m)
        for (std::size_t row = 0; row < step.micro_batches[m].sequences.size(); ++row) {
            const auto place = static_cast<std::size_t>(step.micro_batches[m].sequences[row]);
            micro_batch_of[place] = static_cast<std::int32_t>(m);
            row_of[place] = static_cast<std::int32_t>(row);
        }
    const auto computed_by = [&](std::size_t place) {
        return step.micro_batches[static_cast<std::size_t>(micro_batch_of[place])].rank;
    };
    const auto owned_by = [&](std::size_t place) { return owners[static_cast<std::size_t>(step.sample_of[place])]; };

    std::vector<std::vector<text::TokenId>> outgoing(static_cast<std::size_t>(comm.size()));
    auto next = drawn.begin();
    for (std::size_t place = 0; place < places; ++place) {
        if (owned_by(place) != comm.rank()) continue;
        auto& out = outgoing[static_cast<std::size_t>(computed_by(place))];
        out.insert(out.end(), next->begin(), next->end());
        ++next;
    }
    const auto incoming = parallel::all_to_all(comm, outgoing);

    step.ids.resize(step.micro_batches.size());
    for (std::size_t m = 0; m < step.micro_batches.size(); ++m)
        if (step.micro_batches[m].rank == comm.rank()) step.ids[m].resize(step.micro_batches[m].sequences.size());
    std::vector<std::size_t> at(incoming.size(), 0);
    for (std::size_t place = 0; place < places; ++place) {
        if (computed_by(place) != comm.rank()) continue;
        const auto source = static_cast<std::size_t>(owned_by(place)), length = static_cast<std::size_t>(step.lengths[place]);
        const auto begin = incoming[source].begin() + static_cast<std::ptrdiff_t>(at[source]);
        step.ids[static_cast<std::size_t>(micro_batch_of[place])][static_cast<std::size_t>(row_of[place])].assign(
            begin, begin + static_cast<std::ptrdiff_t>(length));
        at[source] += length;
    }
}

}  // namespace

StepSequences collect_step(parallel::Communicator& comm, const TokenStore& store, SampleUnit unit, const SampleStream& stream,
                           std::int64_t step_number, std::int64_t token_budget, std::int64_t hidden, const DrawSample& draw,
                           const NoteSample& note) {
    auto step = collect_samples(comm, store, unit, stream.samples(step_number), stream.first_position(step_number), token_budget,
                                hidden, draw, note);
    step.step = step_number;
    return step;
}

StepSequences collect_samples(parallel::Communicator& comm, const TokenStore& store, SampleUnit unit,
                              std::vector<std::int64_t> samples, std::int64_t first_position, std::int64_t token_budget,
                              std::int64_t hidden, const DrawSample& draw, const NoteSample& note) {
    StepSequences step;
    step.first_position = first_position;
    step.samples = std::move(samples);

    std::vector<int> owners;
    Drawn own;
    for (std::size_t i = 0; i < step.samples.size(); ++i) {
        owners.push_back(store.owner(unit, step.samples[i]));
        if (owners.back() != comm.rank()) continue;
        auto sequences = draw(step.samples[i], step.first_position + static_cast<std::int64_t>(i));
        own.shape.push_back(static_cast<std::int32_t>(sequences.size()));
        for (Sequence& sequence : sequences) {
            own.shape.push_back(static_cast<std::int32_t>(sequence.size()));
            own.sequences.push_back(std::move(sequence));
        }
        const auto noted = note ? note(step.samples[i], step.first_position + static_cast<std::int64_t>(i)) : std::vector<std::int32_t>{};
        own.shape.push_back(static_cast<std::int32_t>(noted.size()));
        own.shape.insert(own.shape.end(), noted.begin(), noted.end());
    }
    std::vector<std::int64_t> counts;
    const auto shapes = parallel::all_gather(comm, std::span<const std::int32_t>(own.shape), &counts);
    read_shapes(step, owners, shapes, counts);
    step.micro_batches = plan_micro_batches(step.lengths, token_budget);
    deal_micro_batches(step.micro_batches, comm.size(), hidden);
    exchange_ids(comm, step, owners, own.sequences);
    return step;
}

}  // namespace kohort::train
