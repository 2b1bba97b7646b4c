// Text lines to JSON lines of token ids, one for each line of the input.
#include <fmt/format.h>

#include <cstdio>
#include <fstream>
#include <limits>
#include <string_view>

#include "base/atomic_file.h"
#include "base/error.h"
#include "job_context.h"
#include "text/tokenizer.h"

namespace kohort::jobs {

int tokenize_job(JobContext& context) {
    const auto& options = context.options;
    if (!options.given("tokenizer")) base::fail(base::ErrorKind::usage, "name a tokenizer: --tokenizer DIR or FILE");
    const auto inputs = options.list("input");
    if (inputs.size() != 1) base::fail(base::ErrorKind::usage, "name one file of text lines: --input FILE");
    if (!context.is_root()) return 0;  // one pass over one file: a single rank's work
    const auto tokenizer = text::load_tokenizer(options.text("tokenizer"), lowercase_if_given(options));
    warn_of_lowercase(options, *tokenizer);
    std::ifstream input(inputs[0], std::ios::binary);
    if (!input) base::fail(base::ErrorKind::input, "--input {}: cannot read the file", inputs[0]);
    std::optional<base::AtomicFile> file;
    if (options.given("out")) file.emplace(options.text("out"), 0644);
    std::string block;
    const auto flush = [&] {
        if (file) file->write(block);
        else if (std::fwrite(block.data(), 1, block.size(), stdout) != block.size() || std::fflush(stdout) != 0)
            base::fail_errno("write to standard output");
        block.clear();
    };
    const bool pairs = options.flag("text-pairs");
    const std::int64_t most = options.integer_or_auto("truncate").value_or(std::numeric_limits<std::int64_t>::max());
    for (std::string line; std::getline(input, line);) {
        const auto tab = pairs ? line.find('\t') : std::string::npos;
        const std::string_view text = line;
        const auto ids = tab == std::string::npos ? tokenizer->encode_for_model(text, most)
                                                  : tokenizer->encode_pair_for_model(text.substr(0, tab), text.substr(tab + 1), most);
        fmt::format_to(std::back_inserter(block), "{{\"ids\": [{}]}}\n", fmt::join(ids, ", "));
        if (block.size() > (1u << 20)) flush();
    }
    if (input.bad()) base::fail(base::ErrorKind::input, "--input {}: reading it failed; is it a file?", inputs[0]);
    flush();
    if (file) file->commit();
    return 0;
}

}  // namespace kohort::jobs
