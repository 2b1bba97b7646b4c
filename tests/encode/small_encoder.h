// A small model, a small tokenizer and a small corpus for the tests of this folder.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>

#include "corpus/user_document.h"
#include "model/bert.h"
#include "model/weights.h"
#include "text/wordpiece.h"

namespace kohort::encode {

// The letters a to z, words of them in pieces, and the special tokens.
inline std::unique_ptr<text::Tokenizer> small_tokenizer() {
    std::vector<std::string> tokens{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
    for (char letter = 'a'; letter <= 'z'; ++letter) {
        tokens.push_back(std::string(1, letter));
        tokens.push_back("##" + std::string(1, letter));
    }
    return std::make_unique<text::WordPiece>(text::bert_settings(text::Vocabulary(tokens), {}));
}

inline model::Bert small_bert() {
    model::ModelConfig config;
    config.vocab_size = 60;  // the tokenizer's 57, and some that no text has
    config.hidden_size = 32;
    config.num_hidden_layers = 2;
    config.num_attention_heads = 4;
    config.intermediate_size = 48;
    config.max_position_embeddings = 24;
    config.initializer_range = 0.3;
    return model::Bert(config, model::random_weights(config, 4));
}

// Writes RUN/corpus/: partitions of very different sizes, an empty one, users without events or without text, texts
// that many users share.
inline corpus::CorpusInfo write_small_corpus(const std::filesystem::path& run, std::int32_t partitions) {
    std::filesystem::create_directories(run / "corpus");
    corpus::CorpusInfo info{partitions, 8, {"pv"}, {}, {}, {}};
    int number = 0;
    for (std::int32_t p = 0; p < partitions; ++p) {
        corpus::Partition partition{p, {"pv"}, {}};
        std::int64_t events = 0, bytes = 0;
        for (int u = 0; u < (p % 4) * 7; ++u) {
            corpus::UserDocument user{"u" + std::to_string(number++), {}};
            for (int e = 0; e < (u * 5 + p) % 9; ++e) {
                std::string text;
                for (int w = 0; w < (e * e + u) % 6; ++w)
                    text += std::string(1 + static_cast<std::size_t>((w * 3 + u) % 5), static_cast<char>('a' + (u * e + w * 11 + p) % 26)) + " ";
                user.events.push_back({e, 0, "", text});
                bytes += static_cast<std::int64_t>(text.size());
                ++events;
            }
            partition.users.push_back(std::move(user));
        }
        info.users.push_back(static_cast<std::int64_t>(partition.users.size()));
        info.events.push_back(events);
        info.text_bytes.push_back(bytes);
        corpus::write_partition(run, "corpus key", partition, partitions, info.id_width);
    }
    corpus::write_corpus_index(run, "corpus key", info);
    return info;
}

}  // namespace kohort::encode
