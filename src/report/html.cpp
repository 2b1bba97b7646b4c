#include "report/html.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/progress.h"
#include "text/display_width.h"

namespace kohort::report {
namespace {

// Twenty colours that stay apart on white, also for most colour-blind readers; more segments take them round again.
constexpr std::array<std::string_view, 20> palette = {
    "#4269d0", "#efb118", "#ff725c", "#6cc5b0", "#3ca951", "#ff8ab7", "#a463f2", "#97bbf5", "#9c6b4e", "#767b84",
    "#0b7285", "#c2255c", "#5c940d", "#e8590c", "#364fc7", "#862e9c", "#099268", "#b08900", "#d6336c", "#495057"};

std::string_view colour(std::size_t segment) { return palette[segment % palette.size()]; }

constexpr std::string_view style = R"(
:root{--ink:#1c2330;--soft:#5d6778;--line:#e3e7ee;--ground:#f6f7f9}
*{box-sizing:border-box}body{margin:0;font:15px/1.55 system-ui,"PingFang SC","Noto Sans CJK SC","Microsoft YaHei",sans-serif;color:var(--ink);background:var(--ground)}
main{max-width:1120px;margin:0 auto;padding:28px 20px 60px}h1{margin:0 0 4px;font-size:28px}h2{margin:34px 0 12px;font-size:20px}
.card{background:#fff;border:1px solid var(--line);border-radius:10px;padding:16px 18px}.facts{color:var(--soft)}
table{border-collapse:collapse;width:100%}td,th{padding:6px 10px;text-align:left;border-bottom:1px solid var(--line);vertical-align:top}th{color:var(--soft);font-weight:600}
td.n{text-align:right;font-variant-numeric:tabular-nums}.dot{display:inline-block;width:11px;height:11px;border-radius:50%;margin-right:7px}
.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(340px,1fr));gap:16px}.card h3{margin:0 0 8px;font-size:17px}
.bar{display:grid;grid-template-columns:120px 1fr 52px;gap:8px;align-items:center;font-size:13.5px;margin:2px 0}.bar i{display:block;height:11px;border-radius:3px}
.bar span:last-child{color:var(--soft);text-align:right;font-variant-numeric:tabular-nums}.texts{margin:10px 0 0;padding-left:18px;color:var(--soft);font-size:13.5px}
svg{display:block;width:100%;height:auto}.legend{display:flex;flex-wrap:wrap;gap:4px 16px;margin-top:10px;font-size:13.5px}.legend label{cursor:pointer}
#tip{position:fixed;pointer-events:none;background:#1c2330;color:#fff;padding:5px 9px;border-radius:6px;font-size:13px;max-width:420px;display:none;z-index:9}
)";

constexpr std::string_view script = R"(
const tip=document.getElementById('tip');
document.querySelectorAll('#map circle').forEach(c=>{
 c.addEventListener('mousemove',e=>{tip.textContent=c.firstElementChild.textContent;tip.style.display='block';tip.style.left=Math.min(e.clientX+14,innerWidth-430)+'px';tip.style.top=(e.clientY+14)+'px'});
 c.addEventListener('mouseleave',()=>tip.style.display='none')});
document.querySelectorAll('.legend input').forEach(b=>b.addEventListener('change',()=>
 document.querySelectorAll('#map g[data-s="'+b.value+'"]').forEach(g=>g.style.display=b.checked?'':'none')));
)";

std::string size_table(const ReportFacts& facts, const std::vector<segment::SegmentProfile>& profiles) {
    std::string html = "<table><tr><th>Segment</th><th>Tag</th><th>Users</th><th>Share</th><th>Events</th><th>Terms</th></tr>\n";
    for (std::size_t c = 0; c < profiles.size(); ++c) {
        const auto& p = profiles[c];
        std::vector<std::string> terms;
        for (std::size_t i = 0; i < std::min<std::size_t>(6, p.terms.size()); ++i) terms.push_back(html_escaped(p.terms[i].text));
        html += fmt::format(
            "<tr><td>{}</td><td><span class=\"dot\" style=\"background:{}\"></span>{}</td><td class=\"n\">{}</td>"
            "<td class=\"n\">{:.1f}%</td><td class=\"n\">{}</td><td>{}</td></tr>\n",
            p.number, colour(c), html_escaped(p.tag), base::human_count(p.users),
            facts.users == 0 ? 0.0 : 100.0 * static_cast<double>(p.users) / static_cast<double>(facts.users),
            base::human_count(p.events), fmt::join(terms, " · "));
    }
    return html + "</table>\n";
}

std::string map_drawing(const std::vector<segment::SegmentProfile>& profiles, const std::vector<MapPoint>& points) {
    constexpr double width = 1080, height = 620, edge = 16;
    float left = 0, right = 0, low = 0, high = 0;
    for (std::size_t i = 0; i < points.size(); ++i) {
        left = i == 0 ? points[i].x : std::min(left, points[i].x);
        right = i == 0 ? points[i].x : std::max(right, points[i].x);
        low = i == 0 ? points[i].y : std::min(low, points[i].y);
        high = i == 0 ? points[i].y : std::max(high, points[i].y);
    }
    const auto place = [edge](float value, float from, float to, double extent) {
        if (!(to > from)) return extent / 2;
        return edge + (static_cast<double>(value) - from) / (static_cast<double>(to) - from) * (extent - 2 * edge);
    };
    std::string html = fmt::format("<svg id=\"map\" viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"Map of users\">\n", width, height);
    std::vector<std::string> groups(profiles.size());
    for (const auto& point : points)
        groups[static_cast<std::size_t>(point.segment)] +=
            fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\"><title>{}</title></circle>\n", place(point.x, left, right, width),
                        height - place(point.y, low, high, height), html_escaped(point.label));
    for (std::size_t c = 0; c < groups.size(); ++c)
        html += fmt::format("<g data-s=\"{}\" fill=\"{}\" fill-opacity=\".62\">\n{}</g>\n", c, colour(c), groups[c]);
    html += "</svg>\n<div class=\"legend\">\n";
    for (std::size_t c = 0; c < profiles.size(); ++c)
        html += fmt::format("<label><input type=\"checkbox\" checked value=\"{}\"> <span class=\"dot\" style=\"background:{}\"></span>{}</label>\n",
                            c, colour(c), html_escaped(profiles[c].tag));
    return html + "</div>\n";
}

std::string segment_card(std::size_t c, const segment::SegmentProfile& profile) {
    std::string html = fmt::format("<div class=\"card\"><h3><span class=\"dot\" style=\"background:{}\"></span>{} <span class=\"facts\">#{}, {} users</span></h3>\n",
                                   colour(c), html_escaped(profile.tag), profile.number, base::human_count(profile.users));
    const double most = profile.terms.empty() ? 1 : std::max(profile.terms.front().score, 1e-9);
    for (std::size_t i = 0; i < std::min<std::size_t>(8, profile.terms.size()); ++i) {
        const auto& term = profile.terms[i];
        html += fmt::format("<div class=\"bar\"><span>{}</span><i style=\"width:{:.1f}%;background:{}\"></i><span>×{:.1f}</span></div>\n",
                            html_escaped(term.text), 100 * term.score / most, colour(c), term.lift);
    }
    html += "<ul class=\"texts\">\n";
    for (const auto& exemplar : profile.exemplars)
        if (!exemplar.texts.empty())
            html += fmt::format("<li title=\"user {}\">{}</li>\n", html_escaped(exemplar.user),
                                html_escaped(text::cut_to_width(exemplar.texts.front(), 80)));
    return html + "</ul></div>\n";
}

}  // namespace

std::string html_escaped(std::string_view text) {
    std::string escaped;
    for (const char c : text) {
        switch (c) {
            case '&': escaped += "&amp;"; break;
            case '<': escaped += "&lt;"; break;
            case '>': escaped += "&gt;"; break;
            case '"': escaped += "&quot;"; break;
            case '\'': escaped += "&#39;"; break;
            default: escaped += c;
        }
    }
    return escaped;
}

std::string html_report(const ReportFacts& facts, const std::vector<segment::SegmentProfile>& profiles,
                        const std::vector<MapPoint>& points) {
    std::string html = fmt::format(
        "<!doctype html>\n<html lang=\"zh\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
        "<title>{0}</title><style>{1}</style></head><body><main>\n<h1>{0}</h1>\n<p class=\"facts\">{2} users, {3} events, {4} segments</p>\n",
        html_escaped(facts.title), style, base::human_count(facts.users), base::human_count(facts.events), profiles.size());
    html += "<h2>Segments</h2><div class=\"card\">" + size_table(facts, profiles) + "</div>\n";
    if (!points.empty()) {
        html += fmt::format("<h2>Map of users</h2><div class=\"card\"><p class=\"facts\">{} users, drawn by their vectors' two main axes. "
                            "Point at one to see its newest text; the boxes hide a segment.</p>\n",
                            base::human_count(static_cast<std::int64_t>(points.size())));
        html += map_drawing(profiles, points) + "</div>\n";
    }
    html += "<h2>What tells each segment apart</h2>\n<p class=\"facts\">Bars: c-TF-IDF weight of a term. ×: how many times as frequent as "
            "in all texts. Below: texts of the users nearest the centre.</p>\n<div class=\"grid\">\n";
    for (std::size_t c = 0; c < profiles.size(); ++c) html += segment_card(c, profiles[c]);
    html += "</div>\n";
    std::string curves;
    for (const auto& curve : facts.training) curves += training_plot_svg(curve);
    if (!curves.empty()) html += "<h2>Training</h2><div class=\"card\">" + curves + "</div>\n";
    if (!facts.choice.empty()) html += "<h2>How many segments</h2><div class=\"card\">" + facts.choice + "</div>\n";
    html += "<h2>How it was made</h2><div class=\"card\"><table>\n";
    for (const auto& [name, value] : facts.rows)
        html += fmt::format("<tr><th>{}</th><td>{}</td></tr>\n", html_escaped(name), html_escaped(value));
    html += fmt::format("</table></div>\n</main><div id=\"tip\"></div><script>{}</script></body></html>\n", script);
    return html;
}

}  // namespace kohort::report
