#include "corpus/record_parser.h"

#include <algorithm>

#include "base/hash.h"
#include "corpus/cleaner.h"
#include "corpus/event_codec.h"
#include "corpus/record_values.h"
#include "corpus/timestamp.h"

namespace kohort::corpus {
namespace {

bool is_blank(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; });
}

}  // namespace

struct RecordParser::State {
    State(ColumnMapping mapping_, RecordFormat format, Encoding encoding, std::string key_)
        : mapping(std::move(mapping_)), values(format, encoding, mapping.header), key(std::move(key_)) {
        for (const auto& part : mapping.history) behaviors.insert(part.behavior);
    }

    Reason parse_user(std::string& id) {
        std::string_view given;
        if (const auto reason = values.value(mapping.user, user_buffer, given); reason != Reason::none) return reason;
        if (is_blank(given)) return Reason::missing_user;
        if (given.size() > most_id_bytes) return Reason::user_id_too_long;
        if (key.empty()) id.assign(given);
        else id = base::keyed_pseudonym(key, given);
        return Reason::none;
    }

    Reason parse_event(std::string& events) {
        EventView event;
        std::string_view time, behavior, given_text;
        for (auto [column, buffer, view] : {std::tuple{mapping.time, &time_buffer, &time}, {mapping.item, &item_buffer, &event.item},
                                            {mapping.behavior, &behavior_buffer, &behavior}, {mapping.text, &text_buffer, &given_text}})
            if (const auto reason = values.value(column, *buffer, *view); reason != Reason::none) return reason;
        if (mapping.time >= 0) {
            const auto parsed = parse_timestamp(time);
            if (!parsed) return Reason::bad_timestamp;
            event.time = *parsed;
        }
        event.behavior = clean_behavior(behavior);
        text.clear();
        clean_text(given_text, text);
        event.text = text;
        append_event(events, event);
        return Reason::none;
    }

    Reason parse_histories(std::string& events) {
        for (const auto& [column, behavior] : mapping.history) {
            const auto reason = values.entries(column, mapping.separator, [&](std::string_view entry) {
                text.clear();
                clean_text(entry, text);
                if (!text.empty()) append_event(events, {{}, behavior, {}, text});
            });
            if (reason != Reason::none) return reason;
        }
        return Reason::none;
    }

    // Neighbouring records often name the same behavior.
    std::string_view clean_behavior(std::string_view raw) {
        if (raw == last_raw && !last_clean.empty()) return last_clean;
        last_raw.assign(raw);
        last_clean.clear();
        clean_text(raw, last_clean);
        if (last_clean.empty()) last_clean = unnamed_behavior;
        if (behaviors.size() <= most_behaviors && !behaviors.contains(last_clean)) behaviors.insert(last_clean);
        return last_clean;
    }

    ColumnMapping mapping;
    RecordValues values;
    std::string key;
    std::string user_buffer, time_buffer, item_buffer, behavior_buffer, text_buffer;
    std::string last_raw, last_clean, text;
    std::set<std::string, std::less<>> behaviors;
};

RecordParser::RecordParser(ColumnMapping mapping, RecordFormat format, Encoding encoding, std::string pseudonym_key)
    : state_(std::make_unique<State>(std::move(mapping), format, encoding, std::move(pseudonym_key))) {}
RecordParser::~RecordParser() = default;
RecordParser::RecordParser(RecordParser&&) noexcept = default;

Reason RecordParser::parse(const Record& record, ParsedRecord& parsed) {
    parsed.events.clear();
    if (const auto reason = state_->values.open(record); reason != Reason::none) return reason;
    if (const auto reason = state_->parse_user(parsed.id); reason != Reason::none) return reason;
    return state_->mapping.form == InputForm::event_log ? state_->parse_event(parsed.events)
                                                        : state_->parse_histories(parsed.events);
}

const std::set<std::string, std::less<>>& RecordParser::behaviors() const { return state_->behaviors; }

struct CatalogueParser::State {
    State(CatalogueMapping mapping_, RecordFormat format, Encoding encoding)
        : mapping(std::move(mapping_)), values(format, encoding, mapping.header) {}

    CatalogueMapping mapping;
    RecordValues values;
    std::string id_buffer, text_buffer;
};

CatalogueParser::CatalogueParser(CatalogueMapping mapping, RecordFormat format, Encoding encoding)
    : state_(std::make_unique<State>(std::move(mapping), format, encoding)) {}
CatalogueParser::~CatalogueParser() = default;
CatalogueParser::CatalogueParser(CatalogueParser&&) noexcept = default;

Reason CatalogueParser::parse(const Record& record, std::string& id, std::string& text) {
    auto& [mapping, values, id_buffer, text_buffer] = *state_;
    std::string_view given_id, given_text;
    if (const auto reason = values.open(record); reason != Reason::none) return reason;
    if (const auto reason = values.value(mapping.id, id_buffer, given_id); reason != Reason::none) return reason;
    if (is_blank(given_id)) return Reason::missing_item;
    if (const auto reason = values.value(mapping.text, text_buffer, given_text); reason != Reason::none) return reason;
    id.assign(given_id);
    text.clear();
    clean_text(given_text, text);
    return Reason::none;
}

}  // namespace kohort::corpus
