#include "corpus/cleaner.h"

#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>
#include <unicode/stringpiece.h>
#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "base/error.h"

namespace kohort::corpus {
namespace {

const icu::Normalizer2& nfkc() {
    UErrorCode status = U_ZERO_ERROR;
    const auto* normalizer = icu::Normalizer2::getNFKCInstance(status);
    if (U_FAILURE(status)) base::fail(base::ErrorKind::environment, "ICU has no NFKC data: {}", u_errorName(status));
    return *normalizer;
}

bool is_space(UChar32 c) { return u_isUWhiteSpace(c); }

bool is_removed(UChar32 c) {
    if (is_space(c)) return false;
    const auto category = u_charType(c);
    if (category == U_CONTROL_CHAR) return true;
    if (category != U_FORMAT_CHAR || c == 0x200C || c == 0x200D) return false;
    return !u_hasBinaryProperty(c, UCHAR_PREPENDED_CONCATENATION_MARK);
}

// Text of such characters only is in NFKC already (UAX 15, section 9), whatever stands beside what.
bool is_stable(UChar32 c) {
    return u_getCombiningClass(c) == 0 && u_getIntPropertyValue(c, UCHAR_NFKC_QUICK_CHECK) == UNORM_YES;
}

enum class Treatment : std::uint8_t { keep, space, remove, replace, unknown };

// What becomes of each character of the Basic Multilingual Plane by itself. `unknown` ones depend on neighbours.
class TreatmentTable {
  public:
    TreatmentTable() : treatments_(0x10000), replacement_(0x10000) {
        for (UChar32 c = 0; c < 0x10000; ++c)
            treatments_[static_cast<std::size_t>(c)] = U_IS_SURROGATE(c) ? Treatment::unknown : simple_treatment(c);
        for (UChar32 c = 0; c < 0x10000; ++c)
            if (treatments_[static_cast<std::size_t>(c)] == Treatment::unknown && !U_IS_SURROGATE(c)) find_replacement(c);
    }

    Treatment of(UChar32 c) const {
        return c < 0x10000 ? treatments_[static_cast<std::size_t>(c)] : simple_treatment(c);
    }
    const std::string& replacement(UChar32 c) const {
        return replacements_[replacement_[static_cast<std::size_t>(c)]];
    }

  private:
    static Treatment simple_treatment(UChar32 c) {
        if (is_space(c)) return Treatment::space;
        if (is_removed(c)) return Treatment::remove;
        return is_stable(c) ? Treatment::keep : Treatment::unknown;
    }

    // NFKC(x c y) = NFKC(x NFKC(c) y); so where NFKC(c) is made of stable characters it may stand for c.
    void find_replacement(UChar32 c) {
        UErrorCode status = U_ZERO_ERROR;
        const auto form = nfkc().normalize(icu::UnicodeString(c), status);
        if (U_FAILURE(status)) return;
        for (int32_t i = 0; i < form.length(); i = form.moveIndex32(i, 1)) {
            const auto part = form.char32At(i);
            if (!is_stable(part) || is_removed(part)) return;
        }
        std::string utf8;
        form.toUTF8String(utf8);
        treatments_[static_cast<std::size_t>(c)] = Treatment::replace;
        replacement_[static_cast<std::size_t>(c)] = static_cast<std::uint16_t>(replacements_.size());
        replacements_.push_back(std::move(utf8));
    }

    std::vector<Treatment> treatments_;
    std::vector<std::uint16_t> replacement_;
    std::vector<std::string> replacements_;
};

const TreatmentTable& treatment_table() {
    static const TreatmentTable table;
    return table;
}

// Writes text with its white space collapsed; a space is written only when something follows it.
class CollapsingWriter {
  public:
    explicit CollapsingWriter(std::string& out) : out_(out), start_(out.size()) {}

    void space() { pending_ = out_.size() > start_; }
    void write(const char* bytes, std::size_t count) {
        if (pending_) out_ += ' ';
        pending_ = false;
        out_.append(bytes, count);
    }
    void write_collapsed(std::string_view text) {
        for (std::size_t i = 0; i < text.size();) {
            const auto stop = std::min(text.find(' ', i), text.size());
            if (stop > i) write(text.data() + i, stop - i);
            if (stop < text.size()) space();
            i = stop + 1;
        }
    }

  private:
    std::string& out_;
    std::size_t start_;
    bool pending_ = false;
};

}  // namespace

void clean_text(std::string_view utf8, std::string& out) {
    const auto& table = treatment_table();
    const auto start = out.size();
    CollapsingWriter writer(out);
    const char* bytes = utf8.data();
    const auto length = static_cast<int32_t>(utf8.size());
    int32_t kept_from = 0;  // [kept_from, at) is kept as it stands
    for (int32_t at = 0; at < length;) {
        const int32_t first = at;
        UChar32 c;
        U8_NEXT(bytes, at, length, c);
        const auto treatment = c < 0 ? Treatment::unknown : table.of(c);
        if (treatment == Treatment::keep) continue;
        if (treatment == Treatment::unknown) {  // neighbours matter: rare enough to start over
            out.resize(start);
            clean_text_plainly(utf8, out);
            return;
        }
        if (first > kept_from) writer.write(bytes + kept_from, static_cast<std::size_t>(first - kept_from));
        kept_from = at;
        if (treatment == Treatment::space) writer.space();
        if (treatment == Treatment::replace) writer.write_collapsed(table.replacement(c));
    }
    if (length > kept_from) writer.write(bytes + kept_from, static_cast<std::size_t>(length - kept_from));
}

void clean_text_plainly(std::string_view utf8, std::string& out) {
    std::string visible;
    const char* bytes = utf8.data();
    const auto length = static_cast<int32_t>(utf8.size());
    for (int32_t at = 0; at < length;) {
        const int32_t first = at;
        UChar32 c;
        U8_NEXT(bytes, at, length, c);
        if (c >= 0 && is_space(c)) visible += ' ';
        else if (c < 0 || !is_removed(c)) visible.append(bytes + first, static_cast<std::size_t>(at - first));
    }
    std::string normal;
    icu::StringByteSink<std::string> sink(&normal);
    UErrorCode status = U_ZERO_ERROR;
    nfkc().normalizeUTF8(0, icu::StringPiece(visible.data(), static_cast<int32_t>(visible.size())), sink, nullptr, status);
    if (U_FAILURE(status)) base::fail(base::ErrorKind::internal, "NFKC failed: {}", u_errorName(status));
    CollapsingWriter(out).write_collapsed(normal);
}

std::string cleaned(std::string_view utf8) {
    std::string out;
    clean_text(utf8, out);
    return out;
}

}  // namespace kohort::corpus
