// Every job and every option, in the order help shows them. A new option is one row here.
#include "options.h"

namespace kohort::jobs {

const std::vector<JobSpec>& job_table() {
    static const std::vector<JobSpec> table = {
        {"run", "everything, stage by stage, skipping what is complete (--resume)",
         "mpirun -n 2 kohort run --input events.csv --clusters 10 --out out"},
        {"synth", "writes a synthetic corpus with known interests", "kohort synth --users 3000 --out corpus"},
        {"ingest", "raw files to cleaned, deduplicated user documents in partitions",
         "mpirun -n 4 kohort ingest --input events.csv --items items.csv --item-text title --out out"},
        {"pretrain", "masked language modelling on an ingested corpus", "mpirun -n 4 kohort pretrain --out out --steps 500"},
        {"finetune", "contrastive training on pairs that the corpus gives for free",
         "mpirun -n 4 kohort finetune --out out --steps 200"},
        {"encode", "user documents, or the texts of any table, to vectors",
         "mpirun -n 4 kohort encode --input items.csv --text-column title --model DIR --out items"},
        {"cluster", "k-means on a run's vectors, or on any two-dimensional dataset",
         "mpirun -n 4 kohort cluster --input vectors.h5:/x --clusters 1024 --out out"},
        {"segment", "terms, tags, exemplars, CSV files and the report", "mpirun -n 4 kohort segment --out out --tags tags.csv"},
        {"tokenize", "text lines to JSON lines of token ids", "kohort tokenize --tokenizer DIR --input lines.txt"},
        {"verify", "checks a run's files and prints its digests", "kohort verify out"},
    };
    return table;
}

const std::vector<OptionSpec>& option_table() {
    using enum OptionType;
    static const std::string stages = "run ingest pretrain finetune encode cluster segment";
    static const std::string training = "run pretrain finetune";
    static const std::vector<OptionSpec> table = {
        {"config", text, "", "*", "configuration file of `name = value` lines; the command line wins", {}},
        {"input", list, "", "run ingest encode cluster tokenize verify", "input file (several: repeat); encode: a table of texts; cluster: FILE.h5:/dataset or FILE.npy; verify: the run's folder", {}},
        {"out", text, "kohort-run", "run synth ingest pretrain finetune encode cluster segment tokenize", "folder of the run", {}},
        {"resume", flag, "false", stages, "go on in a folder that holds a run; finished files are kept (jobs that build on a run always do)", {}},
        {"seed", integer, "1", "run synth pretrain finetune cluster segment", "the only source of randomness", {}, 0, 9e18},
        {"threads", integer_or_auto, "auto", stages, "threads a rank; never changes a result", {}, 1, 4096},
        {"device", choice, "auto", "run pretrain finetune encode segment", "where the encoder is trained and used; ranks of a node share its GPUs in turn", {"auto", "cpu", "cuda"}},
        {"collectives", choice, "auto", training, "what sums gradients of GPUs; auto: NCCL where each rank has a GPU of its own", {"auto", "nccl", "mpi"}},
        {"isa", choice, "auto", stages, "instruction set of the encoder; ranks on mixed machines need a common one", {"auto", "avx2", "avx512"}},
        {"watchdog", integer, "300", stages, "seconds without a sign of life after which a rank counts as hung", {}, 0, 1e6},
        {"log-level", choice, "info", "*", "what is shown", {"debug", "info", "warning", "error", "off"}},

        {"encoding", choice, "auto", "run ingest encode", "of the input", {"auto", "utf-8", "gb18030"}},
        {"user-column", text, "", "run ingest", "column of the user's id", {}},
        {"item-column", text, "", "run ingest", "column of the item's id", {}},
        {"behavior-column", text, "", "run ingest", "column of the behaviour (pv, buy, …)", {}},
        {"time-column", text, "", "run ingest", "column of the time (epoch seconds or ISO 8601)", {}},
        {"text-column", text, "", "run ingest encode", "column of the event's text; encode: of the row's", {}},
        {"history-columns", text, "", "run ingest", "one row a user: COLUMN:BEHAVIOUR,… each a list of texts", {}},
        {"separator", text, "、", "run ingest", "between the texts of a history column", {}},
        {"items", text, "", "run ingest", "item catalogue (CSV with item_id) whose texts are joined to events", {}},
        {"item-text", text, "title", "run ingest", "column of the catalogue that holds the text", {}},
        {"ids", choice, "original", "run ingest", "keep user ids, or replace them by a keyed hash at the door", {"original", "pseudonym"}},
        {"key-file", text, "", "run ingest", "file with the pseudonym key (16 to 64 bytes)", {}},
        {"partitions", integer_or_auto, "auto", "run ingest", "logical buckets; follows from the input, never from ranks", {}, 1, 65536},
        {"max-bad-fraction", real, "0.01", "run ingest encode", "more rejected records than this share stop the job", {}, 0, 1},

        {"model", text, "", "run pretrain finetune encode", "folder of a model in Hugging Face's layout; run: use it and skip training", {}},
        {"tokenizer", text, "", "run pretrain finetune tokenize", "folder or file of a tokenizer (default: the model's, or trained on the corpus)", {}},
        {"vocabulary-size", integer, "12000", training, "entries of a vocabulary trained on the corpus", {}, 16, 1e7},
        {"layers", integer, "2", training, "attention layers of a new model", {}, 1, 1000},
        {"hidden", integer, "128", training, "width of a new model", {}, 1, 65536},
        {"heads", integer, "4", training, "attention heads of a new model", {}, 1, 4096},
        {"intermediate", integer, "256", training, "width of its feed-forward layers", {}, 1, 1e6},
        {"max-tokens", integer, "64", "run encode", "tokens that are encoded at once, special ones included", {}, 3, 1e6},
        {"long-texts", choice, "cut", "run encode",
         "of more than --max-tokens; windows: split, and the windows' vectors averaged by their tokens", {"cut", "windows"}},
        {"window-overlap", integer, "16", "run encode", "tokens that a window shares with the one before it", {}, 0, 1e6},
        {"train-tokens", integer, "32", training, "tokens of one text in training, after some were dropped", {}, 3, 1e6},
        {"pretrain-steps", integer, "0", "run pretrain", "steps of masked language modelling, in `run` before the contrastive ones", {}, 0, 1e12},
        {"steps", integer_or_auto, "auto", "run finetune", "contrastive steps; auto: scaled to the corpus", {}, 0, 1e12},
        {"batch", integer, "192", training, "users (contrastive) or texts (masked) of a step", {}, 2, 1e6},
        {"learning-rate", real, "0.003", training, "peak of the schedule", {}, 0, 100},
        {"warmup", real, "0.07", training, "share of the steps in which the learning rate rises", {}, 0, 1},
        {"weight-decay", real, "0.01", training, "decoupled; not on norms and biases", {}, 0, 10},
        {"clip", real, "1.0", training, "largest global gradient norm", {}, 0, 1e30},
        {"temperature", real, "0.07", "run finetune", "of the contrastive loss", {}, 1e-3, 100},
        {"dropout", real, "0", training, "in the encoder while training", {}, 0, 0.99},
        {"drop-tokens", real, "0.5", "run finetune", "share of a text's tokens left out at random while training", {}, 0, 0.99},
        {"side-events", integer, "4", "run finetune", "most texts of one user on each side of a pair", {}, 1, 1e6},
        {"checkpoint-every", integer, "60", training + " cluster", "seconds between checkpoints", {}, 0, 1e9},

        {"pooling", choice, "mean", "run finetune encode", "of a text's token vectors; last: meant for GPT-2, encode only", {"mean", "cls", "last"}},
        {"normalize", flag, "true", "run encode",
         "vectors of length one; false: a user's is the mean of texts' unit vectors, a table row's as the model gives it", {}},
        {"behavior-weights", text, "", "run encode", "how much users' events count, as in buy=3,view=1; others 1", {}},
        {"half-life", real, "0", "run encode", "days after which an event counts half; 0: age does not count", {}, 0, 1e6},
        {"post-process", text, "none", "run encode",
         "of all vectors: none, center, whiten, or the embedding/transform.h5 of another run", {}},
        {"dimensions", integer_or_auto, "auto", "run encode", "components that --post-process whiten keeps", {}, 1, 65536},
        {"storage", choice, "float32", "run encode", "of vectors in files", {"float32", "float16"}},
        {"precision", choice, "fp32", "run encode", "of the encoder's arithmetic", {"auto", "fp32", "bf16"}},

        {"clusters", integers_or_auto, "auto", "run cluster", "number of segments; several (8,16,32) or auto (2 to 20): compared on at most 20,000 rows, see segment/choice.csv", {}, 1, 1e9},
        {"init", text, "auto", "run cluster", "auto (kmeans||, above 4,096 clusters hierarchical), kmeans||, random, hierarchical, bisecting, or given centroids: FILE.h5:/centroids or FILE.npy", {}},
        {"iterations", integer, "100", "run cluster", "most Lloyd iterations", {}, 0, 1e9},
        {"restarts", integer, "5", "run cluster", "the best of so many starts is kept", {}, 1, 1e6},
        {"warm-up", integer, "0", "run cluster", "batches of some 10,000 rows that move the initial centroids first", {}, 0, 1e9},
        {"balance", real, "0", "run cluster", "1 and above: no cluster larger than so many times the mean size; 0: any size", {}, 0, 1e9},
        {"metric", choice, "euclidean", "run cluster", "cosine: directions count, lengths do not", {"euclidean", "cosine"}},
        {"weights", text, "", "cluster", "how much each row counts: FILE.npy of [rows], or FILE.h5:/path of [rows, 1]", {}},
        {"kernel", choice, "auto", "run cluster", "arithmetic of the distances; never changes a result", {"auto", "scalar", "portable", "avx2", "avx512"}},
        {"prefilter", choice, "auto", "run cluster", "look at rows in coarse numbers first; never changes a result", {"auto", "off", "bf16", "int8"}},
        {"stream", choice, "auto", "run cluster", "read vectors again in each pass; auto: where they do not fit --memory", {"auto", "off", "on"}},
        {"memory", text, "auto", "run cluster", "of a rank while clustering, as in 4G; auto: four fifths of what is free", {}},
        {"pruning", choice, "auto", "run cluster", "pass over rows that certainly keep their cluster; never changes a result", {"auto", "off", "on"}},

        {"tags", text, "", "run segment", "CSV of name,description: segments are matched to these names", {}},
        {"stop-words", text, "", "run segment", "file of further words that never name a segment", {}},
        {"previous", text, "", "run cluster", "an earlier run: segments that are still there keep their numbers", {}},
        {"vectors-in-csv", flag, "false", "run segment", "add the vector to users_with_tags.csv", {}},

        {"users", integer, "3000", "synth", "users to make", {}, 1, 1e12},
        {"interests", integer, "8", "synth", "interests to draw them from", {}, 1, 1e3},
        {"lowercase", flag, "true", "run pretrain finetune tokenize", "for a trained vocabulary, or one of a bare vocab.txt", {}},
    };
    return table;
}

}  // namespace kohort::jobs
