#include "corpus/column_mapping.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <initializer_list>
#include <numeric>
#include <optional>
#include <set>

#include "base/error.h"
#include "corpus/cleaner.h"
#include "corpus/timestamp.h"

namespace kohort::corpus {
namespace {

using base::ErrorKind;
using Names = std::vector<std::string_view>;

// Names as fold() leaves them, the likeliest first.
const Names user_names = {"userid", "uid", "user", "username", "customerid", "customer", "memberid", "visitorid", "accountid",
                          "clientid", "buyerid", "reviewerid", "用户id", "用户编号", "用户", "会员id", "会员编号", "客户id",
                          "客户编号", "顾客id", "账号", "买家id"};
const Names item_names = {"itemid", "item", "productid", "skuid", "sku", "goodsid", "articleid", "newsid", "contentid",
                          "movieid", "videoid", "asin", "商品id", "商品编号", "物品id", "物品编号", "内容id", "文章id",
                          "新闻id", "视频id", "商品", "物品"};
const Names behavior_names = {"behavior", "behaviour", "behaviortype", "behaviourtype", "eventtype", "eventname", "event",
                              "actiontype", "action", "type", "行为", "行为类型", "事件", "事件类型", "操作", "操作类型", "类型"};
const Names time_names = {"timestamp", "time", "eventtime", "ts", "datetime", "date", "createdat", "createtime", "unixtime",
                          "时间戳", "时间", "行为时间", "事件时间", "日期", "发生时间", "创建时间"};
const Names text_names = {"text", "title", "itemtext", "itemtitle", "productname", "itemname", "content", "query", "keyword",
                          "keywords", "searchquery", "description", "headline", "review", "reviewtext", "comment", "message",
                          "body", "文本", "标题", "商品标题", "商品名称", "内容", "搜索词", "关键词", "查询", "描述", "评论",
                          "评论内容", "备注"};
// What a catalogue calls an item's text; in an event log "name" would more likely be a person's.
const Names item_text_names = {"title", "itemtitle", "text", "itemtext", "productname", "itemname", "name", "headline",
                               "description", "content", "标题", "商品标题", "商品名称", "名称", "内容", "描述"};

struct HistoryNames {
    std::string_view behavior;
    Names names;
};
const std::vector<HistoryNames> history_names = {
    {"search", {"搜索关键词", "搜索词", "搜索记录", "搜索历史", "搜索内容", "searchkeywords", "searchhistory", "searchterms",
                "searches", "queries"}},
    {"view", {"浏览历史", "浏览记录", "浏览内容", "点击记录", "点击历史", "阅读记录", "阅读历史", "browsinghistory",
              "browsehistory", "viewhistory", "clickhistory", "views", "clicks", "pageviews"}},
    {"buy", {"购买记录", "购买历史", "购买商品", "订单记录", "消费记录", "purchasehistory", "orderhistory", "purchases", "orders"}},
    {"fav", {"收藏记录", "收藏历史", "收藏夹", "收藏", "favorites", "favourites", "likes"}},
    {"cart", {"加购记录", "购物车", "加购", "carthistory", "cart"}},
    {"comment", {"评论记录", "评论历史", "commenthistory", "comments"}}};

// Letter case, full width, spaces, hyphens and underscores do not matter to recognition.
std::string fold(std::string_view name) {
    std::string folded;
    for (const char c : cleaned(name))
        if (c != ' ' && c != '_' && c != '-') folded += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return folded;
}

std::int32_t find_folded(const std::vector<std::string>& folded, const Names& names) {
    for (const auto name : names)
        if (const auto hit = std::find(folded.begin(), folded.end(), name); hit != folded.end())
            return static_cast<std::int32_t>(hit - folded.begin());
    return -1;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i + 1;
        for (std::size_t j = 0; j < b.size(); ++j) {
            const auto change = diagonal + (a[i] != b[j]);
            diagonal = row[j + 1];
            row[j + 1] = std::min({change, row[j] + 1, diagonal + 1});
        }
    }
    return row.back();
}

[[noreturn]] void fail_absent(const std::string& file, const std::string& option, const std::string& column,
                              const std::vector<std::string>& header) {
    const auto nearest = *std::min_element(header.begin(), header.end(), [&](const auto& a, const auto& b) {
        return std::pair(edit_distance(fold(a), fold(column)), a) < std::pair(edit_distance(fold(b), fold(column)), b);
    });
    base::fail(ErrorKind::usage, "{} {}: {} has no such column; did you mean {}? It has {}", option, column, file, nearest,
               fmt::join(header, ", "));
}

std::optional<std::int32_t> find_exact(const std::vector<std::string>& header, const std::string& column) {
    const auto wanted = cleaned(column);
    for (std::size_t i = 0; i < header.size(); ++i)
        if (cleaned(header[i]) == wanted) return static_cast<std::int32_t>(i);
    return std::nullopt;
}

std::int32_t require(const std::string& file, const std::string& option, const std::string& column,
                     const std::vector<std::string>& header) {
    if (const auto found = find_exact(header, column)) return *found;
    fail_absent(file, option, column, header);
}

std::vector<std::string> fold_all(const std::vector<std::string>& header) {
    std::vector<std::string> folded;
    for (const auto& name : header) folded.push_back(fold(name));
    return folded;
}

// Finds the columns of one file, each by its option or else by its name.
class Recognizer {
  public:
    Recognizer(const std::string& file, const std::vector<std::string>& header) : file_(file), header_(header), folded_(fold_all(header)) {}

    std::int32_t column(const std::string& option, const std::string& given, const Names& names) const {
        if (given == "none" && !find_exact(header_, given)) return -1;
        if (!given.empty()) return require(file_, option, given, header_);
        return find_folded(folded_, names);
    }

    std::vector<ColumnMapping::History> history() const {
        std::vector<ColumnMapping::History> found;
        for (std::size_t i = 0; i < folded_.size(); ++i)
            for (const auto& [behavior, names] : history_names)
                if (std::find(names.begin(), names.end(), folded_[i]) != names.end())
                    found.push_back({static_cast<std::int32_t>(i), std::string(behavior)});
        return found;
    }

    std::vector<ColumnMapping::History> history(const std::vector<HistoryColumn>& given) const {
        std::vector<ColumnMapping::History> found;
        for (const auto& [column, behavior] : given)
            found.push_back({require(file_, "--history-columns", column, header_), behavior});
        return found;
    }

  private:
    const std::string& file_;
    const std::vector<std::string>& header_;
    std::vector<std::string> folded_;
};

// Guesses a mapping from values, to be proposed: never to be used unasked.
std::string propose(const std::vector<std::string>& header, const std::vector<std::vector<std::string>>& samples) {
    const auto columns = header.size();
    std::vector<double> length(columns), times(columns), filled(columns);
    std::vector<std::set<std::string>> distinct(columns);
    double rows = 0;
    for (const auto& row : samples) {
        if (row.size() != columns) continue;
        ++rows;
        for (std::size_t c = 0; c < columns; ++c) {
            length[c] += static_cast<double>(row[c].size());
            times[c] += row[c].size() >= 8 && parse_timestamp(row[c]).has_value();
            filled[c] += !row[c].empty();
            distinct[c].insert(row[c]);
        }
    }
    std::optional<std::size_t> time, text, user;
    for (std::size_t c = 0; c < columns && rows > 0; ++c)
        if (!time && times[c] >= 0.9 * rows) time = c;
    for (std::size_t c = 0; c < columns; ++c)
        if (c != time && (!text || length[c] > length[*text])) text = c;
    for (std::size_t c = 0; c < columns; ++c)  // an id is always there and takes many values
        if (c != time && c != text && filled[c] == rows && (!user || distinct[c].size() > distinct[*user].size())) user = c;
    if (!user && columns > 1) user = text == 0 ? 1 : 0;
    std::string proposal;
    if (user) proposal += fmt::format("--user-column '{}'", header[*user]);
    if (text) proposal += fmt::format(" --text-column '{}'", header[*text]);
    if (time) proposal += fmt::format(" --time-column '{}'", header[*time]);
    return proposal;
}

[[noreturn]] void fail_unrecognized(const std::string& file, std::string_view what, const std::vector<std::string>& header,
                                    const std::vector<std::vector<std::string>>& samples) {
    base::fail(ErrorKind::usage,
               "{}: {}. Its columns: {}. For an event log say for example {}; for one row a user say --user-column NAME "
               "--history-columns NAME:BEHAVIOR,…",
               file, what, fmt::join(header, ", "), propose(header, samples));
}

}  // namespace

std::vector<HistoryColumn> parse_history_columns(std::string_view text) {
    std::vector<HistoryColumn> columns;
    while (!text.empty()) {
        const auto part = text.substr(0, text.find(','));
        text.remove_prefix(std::min(part.size() + 1, text.size()));
        const auto colon = part.rfind(':');
        const std::string column(part.substr(0, colon));
        const std::string behavior = cleaned(colon == part.npos ? part : part.substr(colon + 1));
        if (column.empty() || behavior.empty())
            base::fail(ErrorKind::usage, "--history-columns: '{}' is not NAME or NAME:BEHAVIOR", part);
        columns.push_back({column, behavior});
    }
    return columns;
}

ColumnMapping map_columns(const std::string& file, const std::vector<std::string>& header,
                          const std::vector<std::vector<std::string>>& samples, const ColumnOptions& options) {
    const Recognizer recognizer(file, header);
    ColumnMapping mapping;
    mapping.header = header;
    mapping.separator = options.separator;
    mapping.user = recognizer.column("--user-column", options.user, user_names);
    mapping.item = recognizer.column("--item-column", options.item, item_names);
    mapping.behavior = recognizer.column("--behavior-column", options.behavior, behavior_names);
    mapping.time = recognizer.column("--time-column", options.time, time_names);
    mapping.text = recognizer.column("--text-column", options.text, text_names);

    const bool events_asked = !options.item.empty() || !options.behavior.empty() || !options.time.empty() || !options.text.empty();
    const bool looks_like_events = mapping.item >= 0 || mapping.behavior >= 0 || mapping.time >= 0;
    if (!options.history.empty()) mapping.history = recognizer.history(options.history);
    else if (!events_asked && !looks_like_events) mapping.history = recognizer.history();

    if (mapping.user < 0) fail_unrecognized(file, "no column is recognised as the user's id", header, samples);
    if (!mapping.history.empty()) {
        if (options.separator.empty()) base::fail(ErrorKind::usage, "--separator must not be empty");
        mapping.form = InputForm::user_rows;
        mapping.item = mapping.behavior = mapping.time = mapping.text = -1;
        return mapping;
    }
    if (mapping.text < 0 && mapping.item < 0)
        fail_unrecognized(file, "no column is recognised as an event's text or item", header, samples);
    for (const auto& [column, option] : {std::pair{mapping.item, "--item-column"}, std::pair{mapping.behavior, "--behavior-column"},
                                        std::pair{mapping.time, "--time-column"}, std::pair{mapping.text, "--text-column"}})
        if (column == mapping.user)
            base::fail(ErrorKind::usage, "{}: column {} cannot be both the user's id and {}", file,
                       header[static_cast<std::size_t>(column)], option);
    return mapping;
}

CatalogueMapping map_catalogue(const std::string& file, const std::vector<std::string>& header, const std::string& id_column,
                               const std::string& text_column) {
    const Recognizer recognizer(file, header);
    CatalogueMapping mapping;
    mapping.header = header;
    const bool named_alike = !id_column.empty() && find_exact(header, id_column);
    mapping.id = recognizer.column("--item-column", named_alike ? id_column : "", item_names);
    if (mapping.id < 0)
        base::fail(ErrorKind::usage, "{}: no column is recognised as the item's id; it has {}. Name it item_id, or as the events' "
                   "--item-column is named", file, fmt::join(header, ", "));
    mapping.text = recognizer.column("--item-text", text_column, item_text_names);
    if (mapping.text < 0)
        base::fail(ErrorKind::usage, "{}: no column is recognised as the item's text; say --item-text NAME. It has {}", file,
                   fmt::join(header, ", "));
    return mapping;
}

std::string ColumnMapping::description() const {
    std::string words;
    const auto add = [&](std::string_view role, std::int32_t column) {
        if (column >= 0) words += fmt::format("{}{}={}", words.empty() ? "" : " ", role, header[static_cast<std::size_t>(column)]);
    };
    add("user", user);
    add("item", item);
    add("behavior", behavior);
    add("time", time);
    add("text", text);
    for (const auto& part : history) add(part.behavior, part.column);
    if (form == InputForm::user_rows) words += fmt::format(" separator={}", separator);
    return words;
}

std::vector<std::string> ColumnMapping::unused() const {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < header.size(); ++i) {
        const auto column = static_cast<std::int32_t>(i);
        const bool used = column == user || column == item || column == behavior || column == time || column == text ||
                          std::any_of(history.begin(), history.end(), [&](const auto& part) { return part.column == column; });
        if (!used) names.push_back(header[i]);
    }
    return names;
}

}  // namespace kohort::corpus
