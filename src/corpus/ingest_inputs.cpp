#include "corpus/ingest_inputs.h"

#include <filesystem>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/hash.h"
#include "parallel/agreement.h"
#include "parallel/collectives.h"

namespace kohort::corpus {
namespace {

using base::ErrorKind;

constexpr std::int64_t format_version = 1;

std::string read_pseudonym_key(parallel::Communicator& comm, const IngestOptions& options) {
    std::string key;
    if (!options.pseudonyms) return key;
    parallel::agree(comm, [&] {
        if (!comm.is_root()) return;
        const auto& path = options.key_file;
        if (path.empty())
            base::fail(ErrorKind::usage, "--ids pseudonym needs --key-file FILE, a secret of 16 to 64 bytes");
        std::error_code ignored;
        if (!std::filesystem::is_regular_file(path, ignored))
            base::fail(ErrorKind::usage, "--key-file {}: there is no such file", path.string());
        try {
            key = base::read_file(path);
        } catch (const base::Error& error) {
            base::fail(ErrorKind::usage, "--key-file: {}", error.what());
        }
        while (!key.empty() && (key.back() == '\n' || key.back() == '\r' || key.back() == ' ')) key.pop_back();
        base::keyed_pseudonym(key, "");  // Error(usage) for a key of the wrong length
    });
    parallel::broadcast_resized(comm, key);
    return key;
}

}  // namespace

IngestInputs open_inputs(parallel::Communicator& comm, const IngestOptions& options) {
    IngestInputs inputs;
    parallel::agree(comm, [&] {
        if (options.inputs.empty()) base::fail(ErrorKind::usage, "--input is missing: name the file to read");
        if (!(options.max_bad_fraction >= 0 && options.max_bad_fraction <= 1))
            base::fail(ErrorKind::usage, "--max-bad-fraction {}: it must be from 0 to 1", options.max_bad_fraction);
    });
    inputs.pseudonym_key = read_pseudonym_key(comm, options);
    inputs.events = std::make_unique<InputSet>(comm, options.inputs, options.encoding, options.limits);
    if (!options.items.empty())
        inputs.catalogue =
            std::make_unique<InputSet>(comm, std::vector{options.items}, options.encoding, options.limits);

    parallel::agree(comm, [&] {
        for (const auto& file : inputs.events->files()) {
            inputs.mappings.push_back(map_columns(file.path.string(), file.header, file.samples, options.columns));
            if (inputs.mappings.back().form != inputs.mappings.front().form)
                base::fail(ErrorKind::usage, "{} is an event log and {} has one row a user; ingest them in separate runs",
                           inputs.events->files()[inputs.mappings.back().form == InputForm::event_log ? inputs.mappings.size() - 1 : 0].path.string(),
                           inputs.events->files()[inputs.mappings.back().form == InputForm::event_log ? 0 : inputs.mappings.size() - 1].path.string());
        }
        if (inputs.catalogue)
            inputs.catalogue_mapping = map_catalogue(options.items.string(), inputs.catalogue->files()[0].header,
                                                     options.columns.item, options.item_text);
    });
    return inputs;
}

store::StageKey corpus_key(parallel::Communicator& comm, IngestInputs& inputs, const IngestOptions& options) {
    store::StageKey key("corpus");
    key.add("format", format_version);
    const auto fingerprints = inputs.events->fingerprints(comm);
    for (std::size_t i = 0; i < fingerprints.size(); ++i) {
        key.add(fmt::format("input {}", i + 1), inputs.events->files()[i].name + " " + fingerprints[i].text());
        key.add(fmt::format("columns {}", i + 1), inputs.mappings[i].description());
    }
    key.add("encoding", std::string(name_of(options.encoding)));
    key.add("partitions", options.partitions == 0 ? std::string("auto") : std::to_string(options.partitions));
    key.add("ids", std::string(options.pseudonyms ? "pseudonym" : "original"));
    // Tells another key from this one without holding it.
    if (options.pseudonyms) key.add("pseudonym key", base::keyed_pseudonym(inputs.pseudonym_key, "which key is this?"));
    if (inputs.catalogue) {
        const auto& [header, id, text] = inputs.catalogue_mapping;
        key.add("items", inputs.catalogue->files()[0].name + " " + inputs.catalogue->fingerprints(comm)[0].text());
        key.add("item columns", header[static_cast<std::size_t>(id)] + " " + header[static_cast<std::size_t>(text)]);
    }
    return key;
}

}  // namespace kohort::corpus
