#include <algorithm>
#include <cstdlib>

#include "agent/authoring/SvgLayout.h"
#include "agent/flow/Family.h"
#include "common/base/Markup.h"

namespace belay::authoring {

namespace {

constexpr int kMargin = 24;
constexpr int kHead = 52;  ///< The name of the flow, and what became of the run.

constexpr std::string_view kCss =
    "svg{font-family:ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace;font-size:11px}"
    ".bg{fill:#fff}.h{font-size:15px;font-weight:700;fill:#0f172a}.t{font-size:13px;"
    "font-weight:700;fill:#0f172a}.d,.c{fill:#64748b}.k{fill:#334155}.c{font-weight:700}"
    ".b{fill:#f8fafc;stroke:#cbd5e1}.g{fill:#f1f5f9;fill-opacity:.6;stroke:#cbd5e1}"
    ".w{fill:none;stroke:#94a3b8;stroke-width:1.4}.e{stroke:#dc2626;stroke-dasharray:5 3}"
    ".o{stroke-dasharray:2 3}.p{stroke:#16a34a;stroke-width:2.4}.a{fill:#94a3b8}"
    ".ae{fill:#dc2626}.ap{fill:#16a34a}.fe{fill:#3b82f6}.fc{fill:#a855f7}.fw{fill:#f59e0b}"
    ".fp{fill:#14b8a6}.ok{stroke:#16a34a;stroke-width:1.8}.bad{stroke:#dc2626;stroke-width:1.8}"
    ".act{stroke:#d97706;stroke-width:1.8}.tok{fill:#15803d}.tbad{fill:#b91c1c}"
    ".tact{fill:#b45309}.no{opacity:.5}.s{fill:#64748b}.r{fill:none;stroke:#64748b;stroke-width:2}"
    "@media(prefers-color-scheme:dark){.bg{fill:#0f172a}.h,.t{fill:#f1f5f9}.d,.c{fill:#94a3b8}"
    ".k{fill:#cbd5e1}.b{fill:#1e293b;stroke:#475569}.g{fill:#1e293b;fill-opacity:.45;"
    "stroke:#475569}.ok{stroke:#22c55e}.bad{stroke:#f87171}.act{stroke:#fbbf24}"
    ".tok{fill:#4ade80}.tbad{fill:#fca5a5}.tact{fill:#fcd34d}.w{stroke:#64748b}"
    ".e{stroke:#f87171}.p{stroke:#22c55e}.a{fill:#64748b}.ap{fill:#22c55e}.ae{fill:#f87171}}";

std::string escaped(std::string_view text) { return base::escapeMarkup(text, "'"); }

std::string attribute(std::string_view name, int value) {
  return " " + std::string(name) + "=\"" + std::to_string(value) + "\"";
}

std::string text(std::string_view kind, int x, int y, std::string_view content,
                 bool atEnd = false) {
  return "<text class=\"" + std::string(kind) + "\"" + attribute("x", x) + attribute("y", y) +
         (atEnd ? " text-anchor=\"end\"" : "") + ">" + escaped(content) + "</text>\n";
}

/// What a status means for colours: "ok", "bad", "act", or nothing.
std::string_view toneOf(std::string_view status) {
  if (status == "succeeded") return "ok";
  if (status == "failed" || status == "ambiguous") return "bad";
  const bool over = status.empty() || status == "skipped" || status == "ended" ||
                    status == "stopped" || status == "cancelled";
  return over ? std::string_view() : "act";
}

std::string_view accentOf(flow::Family family) {
  switch (family) {
    case flow::Family::kRun:
    case flow::Family::kHttp:
    case flow::Family::kNotify:
    case flow::Family::kAgent:
    case flow::Family::kLlm:
    case flow::Family::kSsh:
    case flow::Family::kPlugin:
      return "fe";
    case flow::Family::kWait:
    case flow::Family::kSleep:
    case flow::Family::kEmit:
      return "fw";
    case flow::Family::kFunction:
    case flow::Family::kKv:
    case flow::Family::kSet:
      return "fp";
    default:
      return "fc";
  }
}

class Drawing {
 public:
  Drawing(const FlowGraph& graph, DurationWords words) : graph_(graph), words_(words) {
    for (const auto& [index, mark] : graph.marks) right_[index] = markText(mark);
    layout_ = layOut(graph, right_, kMargin, kMargin + kHead);
  }

  std::string draw() {
    const std::string title = graph_.flow.name.empty() ? graph_.flow.slug.str() : graph_.flow.name;
    const std::string name = oneLine(title, 60);
    const std::string under = oneLine(underTitle(), 80);
    const int least = static_cast<int>(std::max(static_cast<double>(columnsOf(name)) * 9.1,
                                                static_cast<double>(columnsOf(under)) * 6.7));
    const int width = std::max(layout_.width, kMargin + least) + kMargin;
    const int height = layout_.height + kMargin;
    out_ = "<svg xmlns=\"http://www.w3.org/2000/svg\"" + attribute("width", width) +
           attribute("height", height) + " viewBox=\"0 0 " + std::to_string(width) + " " +
           std::to_string(height) + "\" role=\"img\">\n<title>" + escaped(name) +
           "</title>\n<style>" + std::string(kCss) + "</style>\n";
    out_ += "<rect class=\"bg\" width=\"100%\" height=\"100%\"/>\n";
    out_ += text("h", kMargin, kMargin + 14, name);
    out_ += text("d", kMargin, kMargin + 34, under);
    // Those that hold others lie below them.
    for (const auto& [index, box] : layout_.boxes) frame(index, box);
    for (const bool taken : {false, true}) {
      for (const Line& line : layout_.lines) {
        if (graph_.ways[line.way].taken == taken) way(line);
      }
    }
    for (const Dot& dot : layout_.dots) {
      out_ += "<circle class=\"" + std::string(dot.end ? "r" : "s") + "\"" +
              attribute("cx", dot.x) + attribute("cy", dot.y) + " r=\"5\"/>\n";
    }
    for (const Caption& caption : layout_.captions)
      out_ += text("c", caption.x, caption.y, caption.text);
    return std::move(out_) + "</svg>\n";
  }

 private:
  std::string markText(const StepMark& mark) const {
    if (mark.status == "skipped" || mark.status == "ended") return mark.status;
    const std::string sign = mark.status == "succeeded" ? "✓ "
                             : mark.status == "failed"  ? "✗ "
                                                        : mark.status + " ";
    return sign + (mark.visits > 1 ? std::to_string(mark.visits) + "× " : "") +
           words_(mark.durationMs);
  }

  std::string underTitle() const {
    if (graph_.run.empty()) return graph_.flow.slug.str();
    return graph_.flow.slug.str() + " · run " + graph_.run + " · " + graph_.runStatus + " · " +
           words_(graph_.durationMs);
  }

  void frame(std::size_t index, const Box& box) {
    const flow::Step& step = graph_.flow.steps[index];
    const auto mark = graph_.marks.find(index);
    const bool visited = mark != graph_.marks.end();
    const std::string tone(toneOf(visited ? mark->second.status : ""));
    const bool holds = !step.control.blocks.empty();
    out_ += !graph_.run.empty() && !visited ? "<g class=\"no\">\n" : "<g>\n";
    out_ += "<rect class=\"" + std::string(holds ? "g" : "b") + (tone.empty() ? "" : " " + tone) +
            "\"" + attribute("x", box.x) + attribute("y", box.y) + attribute("width", box.width) +
            attribute("height", box.height) + " rx=\"8\"/>\n";
    out_ += "<rect class=\"" + std::string(accentOf(step.family)) + "\"" +
            attribute("x", box.x + 5) + attribute("y", box.y + 8) + " width=\"3\"" +
            attribute("height", box.headHeight - 16) + " rx=\"1.5\"/>\n";
    int y = box.y + 22;
    out_ += text("t", box.x + kInset, y, step.id.str());
    if (visited)
      out_ +=
          text(tone.empty() ? "d" : "t" + tone, box.x + box.width - 10, y, right_.at(index), true);
    y = box.y + kNameHeight + 8;
    for (const std::string& line : box.details) {
      out_ += text("d", box.x + kInset, y, line);
      y += kTextHeight;
    }
    for (const std::string& line : box.cases) {
      out_ += text("k", box.x + kInset, y, line);
      y += kTextHeight;
    }
    out_ += "</g>\n";
  }

  /// A line with round corners and an arrow at its end.
  void way(const Line& line) {
    const Way& way = graph_.ways[line.way];
    constexpr int kRound = 5;
    const auto toward = [](int from, int to, int most) {
      return from + std::clamp(to - from, -most, most);
    };
    const auto point = [](int x, int y) { return std::to_string(x) + " " + std::to_string(y); };
    const auto& points = line.points;
    std::string path = "M" + point(points[0].first, points[0].second);
    for (std::size_t i = 1; i + 1 < points.size(); ++i) {
      const auto [x, y] = points[i];
      const int reach = std::min(
          kRound, std::abs(points[i + 1].second - y) / 2 + std::abs(points[i + 1].first - x) / 2);
      path += "L" +
              point(toward(x, points[i - 1].first, reach), toward(y, points[i - 1].second, reach));
      path += "Q" + point(x, y) + " " +
              point(toward(x, points[i + 1].first, reach), toward(y, points[i + 1].second, reach));
    }
    const auto [x, y] = points.back();
    const auto [beforeX, beforeY] = points[points.size() - 2];
    const int dx = toward(0, x - beforeX, 1);
    const int dy = toward(0, y - beforeY, 1);
    path += "L" + point(x - 5 * dx, y - 5 * dy);
    const bool error = way.kind == Way::Kind::kError;
    const bool maybe = way.kind == Way::Kind::kChosen || way.kind == Way::Kind::kSkip;
    const std::string kind = std::string(way.taken ? " p" : "") + (error   ? " e"
                                                                   : maybe ? " o"
                                                                           : "");
    out_ += "<path class=\"w" + kind + "\" d=\"" + path + "\"/>\n";
    out_ += "<path class=\"" +
            std::string(way.taken ? "ap"
                        : error   ? "ae"
                                  : "a") +
            "\" d=\"M" + point(x, y) + "L" + point(x - 7 * dx - 4 * dy, y - 7 * dy - 4 * dx) + "L" +
            point(x - 7 * dx + 4 * dy, y - 7 * dy + 4 * dx) + "Z\"/>\n";
  }

  const FlowGraph& graph_;
  const DurationWords words_;
  std::map<std::size_t, std::string> right_;
  Layout layout_;
  std::string out_;
};

}  // namespace

std::string svgOf(const FlowGraph& graph, DurationWords words) {
  return Drawing(graph, words).draw();
}

}  // namespace belay::authoring
