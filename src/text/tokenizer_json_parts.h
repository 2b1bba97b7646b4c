// The parts of tokenizer.json that mean the same for every kind of model. Errors are of kind usage, without the file's
// name, or nlohmann's exceptions: read_tokenizer_json names the file in both.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "text/added_tokens.h"
#include "text/post_processor.h"
#include "text/text_normalizer.h"
#include "text/vocabulary.h"

namespace kohort::text {

using Json = nlohmann::json;

// A null value where the object has no such part.
const Json& part_of(const Json& object, const char* name);
// Its "type", or "".
std::string type_of(const Json& object);
// Error(usage) that names what was found and what would be known.
[[noreturn]] void unknown_part(const char* what, const Json& object, const char* known);

std::vector<AddedToken> read_added_tokens(const Json& list);

// Hugging Face's tokenizers give an added token the id that its text has among the model's `size` pieces (id_of; -1: it is
// none), or else the next one that is free, whatever the file says. Error(usage) where the two differ.
void check_added_ids(const std::vector<AddedToken>& added, std::int64_t size, const std::function<TokenId(const std::string&)>& id_of);

PostProcessor read_post_processor(const Json& object);
// {token: id}; ids below four million. once: no id may come twice.
Vocabulary read_vocabulary_object(const Json& object, bool once);
TextNormalizer read_text_normalizer(const Json& object);

}  // namespace kohort::text
