#include "text/serde_json.h"

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"

namespace kohort::text {
namespace {

using nlohmann::json;

// Builds the value while the parser reports what it reads.
class Builder final : public nlohmann::json_sax<json> {
  public:
    explicit Builder(json& root) : root_(root) {}

    bool null() override { return put(nullptr); }
    bool boolean(bool value) override { return put(value); }
    bool number_integer(number_integer_t value) override { return put(value); }
    bool number_unsigned(number_unsigned_t value) override { return put(value); }
    bool number_float(number_float_t, const string_t& spelling) override { return put(serde_float64(spelling)); }
    bool string(string_t& value) override { return put(std::move(value)); }
    bool binary(binary_t& value) override { return put(std::move(value)); }
    bool start_object(std::size_t) override { return open(json::object()); }
    bool start_array(std::size_t) override { return open(json::array()); }
    bool end_object() override { return close(); }
    bool end_array() override { return close(); }
    bool key(string_t& name) override {
        name_ = std::move(name);
        return true;
    }
    bool parse_error(std::size_t, const std::string&, const json::exception& problem) override {
        base::fail(base::ErrorKind::usage, "{}", problem.what());
    }

  private:
    json& add(json value) {
        if (open_.empty()) return root_ = std::move(value);
        json& parent = *open_.back();
        if (parent.is_object()) return parent[name_] = std::move(value);
        parent.push_back(std::move(value));
        return parent.back();
    }
    bool put(json value) {
        add(std::move(value));
        return true;
    }
    // An open value does not move: nothing is added to its parent before it is closed.
    bool open(json value) {
        open_.push_back(&add(std::move(value)));
        return true;
    }
    bool close() {
        open_.pop_back();
        return true;
    }

    json& root_;
    std::vector<json*> open_;
    std::string name_;
};

}  // namespace

double serde_float64(std::string_view spelling) {
    const bool negative = spelling.starts_with('-');
    std::uint64_t digits = 0;
    std::int64_t exponent = 0;
    bool fraction = false, full = false;
    std::size_t at = negative;
    for (; at < spelling.size() && spelling[at] != 'e' && spelling[at] != 'E'; ++at) {
        if (spelling[at] == '.') {
            fraction = true;
            full = false;
            continue;
        }
        const auto digit = static_cast<std::uint64_t>(spelling[at] - '0');
        full = full || digits > (UINT64_MAX - digit) / 10;  // what does not fit is left out
        if (!full) digits = digits * 10 + digit;
        if (fraction && !full) --exponent;
        if (!fraction && full) ++exponent;
    }
    if (at < spelling.size()) {
        const bool below = spelling[++at] == '-';
        std::int64_t power = 0;
        for (at += spelling[at] == '-' || spelling[at] == '+'; at < spelling.size(); ++at)
            power = std::min<std::int64_t>(power * 10 + (spelling[at] - '0'), 1 << 20);
        exponent += below ? -power : power;
    }
    auto value = static_cast<double>(digits);
    for (; exponent < -308 && value != 0; exponent += 308) value /= 1e308;
    if (value != 0) {
        const double power =
            std::strtod(("1e" + std::to_string(std::min<std::int64_t>(std::abs(exponent), 400))).c_str(), nullptr);
        value = exponent < 0 ? value / power : value * power;
    }
    return negative ? -value : value;
}

json parse_as_serde(std::string_view text) {
    json root;
    Builder builder(root);
    json::sax_parse(text, &builder);
    return root;
}

}  // namespace kohort::text
