// What ingest knows of its inputs before it reads records: files, columns, the pseudonym key, and the stage's key.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "corpus/ingest.h"

namespace kohort::corpus {

struct IngestInputs {
    std::unique_ptr<InputSet> events;
    std::vector<ColumnMapping> mappings;   // one an input, all of one form
    std::unique_ptr<InputSet> catalogue;   // where there is one
    CatalogueMapping catalogue_mapping;
    std::string pseudonym_key;             // empty: ids are kept
};

// Collective. Errors as ingest() says; also Error(usage) when the inputs are of different forms.
IngestInputs open_inputs(parallel::Communicator& comm, const IngestOptions& options);

// Collective. Everything that the corpus depends on; reads the inputs for their fingerprints.
store::StageKey corpus_key(parallel::Communicator& comm, IngestInputs& inputs, const IngestOptions& options);

}  // namespace kohort::corpus
