// A flow with every kind of step and way is drawn; the pictures are golden files, which
// BELAY_UPDATE_GOLDEN=1 writes anew. What must hold for any picture is computed from the layout.
#include <cstdlib>

#include "agent/authoring/FlowGraph.h"
#include "agent/authoring/SvgLayout.h"
#include "agent/authoring/Templates.h"
#include "agent/flow/Validate.h"
#include "common/base/Files.h"
#include "common/base/Text.h"
#include "common/json/Json.h"

#include <CppUTest/TestHarness.h>

using namespace belay;
using authoring::FlowGraph;
using authoring::Way;

namespace {

flow::Flow flowOf(std::string_view text) {
  auto checked = flow::checkFlow(text, "f.yaml", flow::Format::kYaml);
  CHECK_TEXT(checked.flow.has_value(), std::string(text.substr(0, 40)).c_str());
  return std::move(*checked.flow);
}

flow::Flow everything() {
  return flowOf(*base::readFile("tests/data/graph/everything.flow.yaml", 1u << 16));
}

std::string words(std::int64_t ms) { return std::to_string(ms) + " ms"; }

void compare(const std::string& file, const std::string& actual) {
  const std::string path = "tests/unit/authoring/golden/" + file;
  if (std::getenv("BELAY_UPDATE_GOLDEN") != nullptr)
    CHECK(base::writeFileDurably(path, actual, 0644).ok());
  const auto expected = base::readFile(path, 1u << 20);
  CHECK_TEXT(expected.ok(), ("no golden file " + path).c_str());
  STRCMP_EQUAL_TEXT(expected->c_str(), actual.c_str(), path.c_str());
}

const char* const kRun =
    R"J({"run":{"id":"r01abc","status":"failed","duration_ms":900},"steps":[)J"
    R"J({"step":"fetch","visit":1,"status":"failed","duration_ms":120,"next":"rescue"},)J"
    R"J({"step":"rescue","visit":1,"status":"succeeded","duration_ms":30,"next":"fan"},)J"
    R"J({"step":"fan","visit":1,"status":"failed","duration_ms":400},)J"
    R"J({"step":"fan[left]/l1","visit":1,"status":"succeeded","duration_ms":5,"next":"l2"},)J"
    R"J({"step":"fan[right]/r1","visit":1,"status":"failed","duration_ms":7,"next":"r3"},)J"
    R"J({"step":"fan[left]/l2","visit":1,"status":"skipped","duration_ms":0,"next":"end"},)J"
    R"J({"step":"fan[right]/r3","visit":1,"status":"running","duration_ms":9},)J"
    R"J({"step":"note","visit":1,"status":"succeeded","duration_ms":1,"next":"end"}]})J";

const Way* wayOf(const FlowGraph& graph, std::string_view from, std::string_view to,
                 Way::Kind kind) {
  const auto name = [&](std::optional<std::size_t> step) {
    return step ? graph.flow.steps[*step].id.str() : std::string("-");
  };
  for (const Way& way : graph.ways) {
    if (name(way.from) == from && name(way.to) == to && way.kind == kind) return &way;
  }
  return nullptr;
}

bool apart(const authoring::Box& a, const authoring::Box& b) {
  return a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y ||
         b.y + b.height <= a.y;
}

bool crosses(const authoring::Box& box, std::pair<int, int> from, std::pair<int, int> to) {
  const int left = std::min(from.first, to.first), right = std::max(from.first, to.first);
  const int top = std::min(from.second, to.second), end = std::max(from.second, to.second);
  return right > box.x && left < box.x + box.width && end > box.y && top < box.y + box.height;
}

/// Whether `index` lies within the step `holder`.
bool within(const flow::Flow& flow, std::size_t index, std::size_t holder) {
  for (auto above = flow.blocks[flow.steps[index].block].container; above;
       above = flow.blocks[flow.steps[*above].block].container) {
    if (*above == holder) return true;
  }
  return false;
}

/// What is wrong with a layout: boxes over each other, lines across boxes, texts over borders.
std::string faults(const FlowGraph& graph) {
  std::string out;
  const authoring::Layout layout = authoring::layOut(graph, {}, 10, 10);
  const flow::Flow& flow = graph.flow;
  const auto id = [&](std::size_t i) { return flow.steps[i].id.str(); };
  for (const auto& [i, a] : layout.boxes) {
    for (const auto& [j, b] : layout.boxes) {
      if (i >= j || within(flow, j, i)) continue;
      if (!apart(a, b)) out += id(i) + " and " + id(j) + " overlap\n";
    }
    if (a.x + a.width > layout.width || a.y + a.height > layout.height)
      out += id(i) + " is outside\n";
    for (const std::string& line : a.details) {
      if (static_cast<double>(authoring::columnsOf(line)) * 6.7 > a.width - 14)
        out += id(i) + ": \"" + line + "\" is too long\n";
    }
  }
  for (const authoring::Line& line : layout.lines) {
    for (std::size_t k = 0; k + 1 < line.points.size(); ++k) {
      for (const auto& [i, box] : layout.boxes) {
        const bool around = flow.steps[i].control.blocks.size() > 0;
        if (!around && crosses(box, line.points[k], line.points[k + 1]))
          out += "a line crosses " + id(i) + "\n";
      }
    }
  }
  return out;
}

}  // namespace

TEST_GROUP(FlowGraph){};

TEST(FlowGraph, hasAllWays) {
  const flow::Flow flow = everything();
  const FlowGraph graph = authoring::graphOf(flow);
  CHECK(wayOf(graph, "-", "fetch", Way::Kind::kNext));
  CHECK(wayOf(graph, "fetch", "rescue", Way::Kind::kError));
  CHECK(wayOf(graph, "decide", "-", Way::Kind::kCase));
  STRCMP_EQUAL("else", wayOf(graph, "decide", "rescue", Way::Kind::kCase)->label.c_str());
  CHECK(wayOf(graph, "again", "each", Way::Kind::kChosen));
  CHECK(wayOf(graph, "again", "tell", Way::Kind::kChosen));
  CHECK(wayOf(graph, "rescue", "fan", Way::Kind::kNext));
  CHECK(wayOf(graph, "r2", "-", Way::Kind::kNext));
  CHECK(wayOf(graph, "-", "note", Way::Kind::kNext));
  CHECK(wayOf(graph, "decide", "fan", Way::Kind::kNext) == nullptr);
}

TEST(FlowGraph, marksWhatARunDid) {
  const flow::Flow flow = everything();
  FlowGraph graph = authoring::graphOf(flow);
  authoring::addRun(graph, *json::parse(kRun));
  CHECK(wayOf(graph, "fetch", "rescue", Way::Kind::kError)->taken);
  CHECK(!wayOf(graph, "fetch", "decide", Way::Kind::kNext)->taken);
  CHECK(wayOf(graph, "r1", "r3", Way::Kind::kError)->taken);
  CHECK(wayOf(graph, "note", "-", Way::Kind::kNext)->taken);
  LONGS_EQUAL(0, graph.marks.count(*flow.indexOf("decide")));
  STRCMP_EQUAL("running", graph.marks.at(*flow.indexOf("r3")).status.c_str());
}

TEST(FlowGraph, ofItemsTheWorstCountsAndOfVisitsTheLast) {
  const flow::Flow flow = everything();
  FlowGraph graph = authoring::graphOf(flow);
  authoring::addRun(
      graph,
      *json::parse(
          R"J({"run":{"id":"r1"},"steps":[{"step":"each[0]/inner[0]/look","visit":1,"status":"failed","duration_ms":3},)J"
          R"J({"step":"each[1]/inner[0]/look","visit":1,"status":"succeeded","duration_ms":4},)J"
          R"J({"step":"tell","visit":1,"status":"failed","duration_ms":1},{"step":"gone","status":"failed"},)J"
          R"J({"step":"tell","visit":2,"status":"succeeded","duration_ms":2}]})J"));
  const auto& look = graph.marks.at(*flow.indexOf("look"));
  STRCMP_EQUAL("failed", look.status.c_str());
  LONGS_EQUAL(2, look.visits);
  LONGS_EQUAL(7, look.durationMs);
  STRCMP_EQUAL("succeeded", graph.marks.at(*flow.indexOf("tell")).status.c_str());
}

TEST(FlowGraph, isDrawnAsTheGoldenFilesShow) {
  const flow::Flow flow = everything();
  FlowGraph graph = authoring::graphOf(flow);
  compare("everything.mmd", authoring::mermaidOf(graph));
  compare("everything.svg", authoring::svgOf(graph, &words));
  authoring::addRun(graph, *json::parse(kRun));
  compare("everything-run.mmd", authoring::mermaidOf(graph));
  compare("everything-run.svg", authoring::svgOf(graph, &words));
  compare("everything-run.json", json::printPretty(authoring::graphToJson(graph)) + "\n");
}

TEST(FlowGraph, nothingOverlapsInAnyFlowThatIsShipped) {
  STRCMP_EQUAL("", faults(authoring::graphOf(everything())).c_str());
  for (const authoring::Template& one : authoring::allTemplates()) {
    if (one.ending == ".flow.js") continue;  // What code does is not known before it runs.
    const flow::Flow flow = flowOf(one.text);
    STRCMP_EQUAL("", faults(authoring::graphOf(flow)).c_str());
  }
}

TEST(FlowGraph, hostileTextsStayTexts) {
  const flow::Flow flow = flowOf(
      "slug: x\nname: \"<script>alert(1)</script> ]]> & \\u202e\"\nsteps:\n  - id: a\n    title: "
      "'\"]; click a href \"javascript:x\"'\n    set: {b: 1}\n");
  const FlowGraph graph = authoring::graphOf(flow);
  const std::string svg = authoring::svgOf(graph, &words);
  CHECK(svg.find("<script") == std::string::npos);
  CHECK(svg.find("&lt;script&gt;") != std::string::npos);
  CHECK(svg.find("\u202e") == std::string::npos);
  const std::string mermaid = authoring::mermaidOf(graph);
  CHECK(mermaid.find("\"];") == std::string::npos);
  CHECK(mermaid.find("#34;#93;#59; click") != std::string::npos);
}

TEST(FlowGraph, longTextsAreCutBetweenCharacters) {
  STRCMP_EQUAL("ab c", authoring::oneLine("  ab\n \t c ", 10).c_str());
  STRCMP_EQUAL("äöü…", authoring::oneLine("äöüäöü", 4).c_str());
  STRCMP_EQUAL("日…", authoring::oneLine("日本語", 4).c_str());
  LONGS_EQUAL(6, authoring::columnsOf("日本語"));
}
