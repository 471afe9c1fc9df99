#include "agent/authoring/SvgLayout.h"

#include <algorithm>

#include "agent/flow/Family.h"

namespace belay::authoring {

namespace {

constexpr int kGap = 26;      ///< Between rows: room for an arrow.
constexpr int kBetween = 22;  ///< Between columns that stand side by side.
constexpr int kLane = 12;
constexpr int kCaption = 22;
constexpr int kDotRoom = 12;
constexpr std::size_t kColumns = 42;  ///< Of the texts in a box.
constexpr int kNarrowest = 150;

int widthOf(std::string_view text, double perColumn) {
  return static_cast<int>(static_cast<double>(columnsOf(text)) * perColumn) + 1;
}

class Placing {
 public:
  Placing(const FlowGraph& graph, const std::map<std::size_t, std::string>& right)
      : graph_(graph), flow_(graph.flow), right_(right) {
    for (std::size_t i = 0; i < flow_.steps.size(); ++i) prepare(i);
    columns_.resize(flow_.blocks.size());
    for (std::size_t i = flow_.blocks.size(); i-- > 0;) measure(i);
  }

  Layout place(int x, int y) {
    column(0, x, y);
    out_.width = x + columns_[0].width;
    out_.height = y + columns_[0].height;
    if (flow_.onFailure) {
      const int left = out_.width + kBetween;
      out_.captions.push_back({left, y + 12, "on failure"});
      column(*flow_.onFailure, left, y + kCaption);
      out_.width = left + columns_[*flow_.onFailure].width;
      out_.height = std::max(out_.height, y + kCaption + columns_[*flow_.onFailure].height);
    }
    return std::move(out_);
  }

 private:
  /// Ways to one place that share a lane.
  struct Bus {
    std::optional<std::size_t> to;
    bool error = false;
    std::vector<std::size_t> ways;
    int from = 0, until = 0;  ///< Rows, in y from the top of the column.
    int lane = 0;
  };
  struct Column {
    int content = 0;  ///< Width of the widest box.
    int width = 0, height = 0;
    bool start = false, end = false;  ///< Whether it has dots there.
    std::map<std::size_t, int> tops;  ///< y of the steps from the top of the column.
    int endY = 0;
    std::vector<Bus> buses;
  };

  bool isOwn(std::size_t block) const { return !flow_.blocks[block].container.has_value(); }

  void prepare(std::size_t index) {
    const flow::Step& step = flow_.steps[index];
    Box& box = out_.boxes[index];
    box.details = detailsOf(step, kColumns);
    for (const flow::SwitchCase& one : step.cases)
      box.cases.push_back(oneLine(one.when ? "if " + *one.when : "else", kColumns));
    const auto right = right_.find(index);
    int width = widthOf(step.id.str(), 7.9) +
                (right == right_.end() ? 0 : 18 + widthOf(right->second, 6.7));
    for (const std::string& line : box.details) width = std::max(width, widthOf(line, 6.7));
    for (const std::string& line : box.cases) width = std::max(width, widthOf(line, 6.7));
    box.width = std::max(kNarrowest, width + 2 * kInset);
    const auto lines = static_cast<int>(box.details.size() + box.cases.size());
    box.headHeight = kNameHeight + kTextHeight * lines + kBoxEnd;
    box.height = box.headHeight;
  }

  /// Inner lists have higher numbers than those around them, and are measured before.
  void measure(std::size_t block) {
    Column& column = columns_[block];
    for (const std::size_t index : flow_.blocks[block].steps) frame(index);
    // Boxes of one column are equally wide, so that lanes begin at one line.
    for (const std::size_t index : flow_.blocks[block].steps)
      column.content = std::max(column.content, out_.boxes[index].width);
    for (const std::size_t index : flow_.blocks[block].steps)
      out_.boxes[index].width = column.content;
    collectBuses(block);
    int y = 0;
    column.start = isOwn(block);
    if (column.start) y += kDotRoom + kGap;
    for (const std::size_t index : flow_.blocks[block].steps) {
      column.tops[index] = y;
      y += out_.boxes[index].height + kGap;
    }
    column.endY = y + 6;
    column.height = column.end ? y + kDotRoom : y - kGap;
    chooseLanes(column);
  }

  /// Grows a step that holds lists around them.
  void frame(std::size_t index) {
    const flow::Control& control = flow_.steps[index].control;
    if (control.blocks.empty()) return;
    Box& box = out_.boxes[index];
    int width = 0, height = 0;
    for (const std::size_t inner : control.blocks) {
      width += (width == 0 ? 0 : kBetween) + columns_[inner].width;
      height = std::max(height, columns_[inner].height);
    }
    if (!flow_.blocks[control.blocks.front()].name.empty()) height += kCaption;
    if (control.finalize) {
      width = std::max(width, columns_[*control.finalize].width);
      height += kCaption + kInset + columns_[*control.finalize].height;
    }
    box.width = std::max(box.width, width + 2 * kInset);
    box.height = box.headHeight + height + kInset;
  }

  bool isStraight(const Way& way) const {
    const auto& steps = flow_.blocks[way.block].steps;
    if (way.kind != Way::Kind::kNext) return false;
    if (!way.from) return true;
    const auto at = std::find(steps.begin(), steps.end(), *way.from);
    return at + 1 == steps.end() ? !way.to : way.to == *(at + 1);
  }

  void collectBuses(std::size_t block) {
    Column& column = columns_[block];
    column.end = isOwn(block);
    for (std::size_t i = 0; i < graph_.ways.size(); ++i) {
      const Way& way = graph_.ways[i];
      if (way.block != block || isStraight(way)) continue;
      column.end = column.end || !way.to;
      const bool error = way.kind == Way::Kind::kError;
      const auto same = std::find_if(column.buses.begin(), column.buses.end(), [&](const Bus& bus) {
        return bus.to == way.to && bus.error == error;
      });
      if (same != column.buses.end())
        same->ways.push_back(i);
      else
        column.buses.push_back({way.to, error, {i}, 0, 0, 0});
    }
  }

  /// From the top of the box: where a way leaves it.
  int exitOf(const Way& way) const {
    const Box& box = out_.boxes.at(*way.from);
    if (way.kind == Way::Kind::kError) return box.headHeight - 7;
    if (way.kind != Way::Kind::kCase) return 24;
    const auto above = static_cast<int>(box.details.size() + way.number);
    return kNameHeight + kTextHeight * above + 4;
  }
  static int entryOf(const Bus& bus) { return bus.error ? 16 : 8; }

  void chooseLanes(Column& column) {
    for (Bus& bus : column.buses) {
      const int target = bus.to ? column.tops.at(*bus.to) + entryOf(bus) : column.endY;
      bus.from = bus.until = target;
      for (const std::size_t way : bus.ways) {
        const int y = column.tops.at(*graph_.ways[way].from) + exitOf(graph_.ways[way]);
        bus.from = std::min(bus.from, y);
        bus.until = std::max(bus.until, y);
      }
    }
    std::stable_sort(column.buses.begin(), column.buses.end(), [](const Bus& a, const Bus& b) {
      return a.until - a.from < b.until - b.from;
    });
    int lanes = 0;
    for (std::size_t i = 0; i < column.buses.size(); ++i) {
      Bus& bus = column.buses[i];
      const auto taken = [&](int lane) {
        return std::any_of(column.buses.begin(), column.buses.begin() + static_cast<long>(i),
                           [&](const Bus& other) {
                             return other.lane == lane && other.from <= bus.until + 4 &&
                                    bus.from <= other.until + 4;
                           });
      };
      while (taken(bus.lane)) ++bus.lane;
      lanes = std::max(lanes, bus.lane + 1);
    }
    column.width = column.content + (lanes == 0 ? 0 : kLane * (lanes + 1));
  }

  void column(std::size_t block, int x, int y) {
    const Column& column = columns_[block];
    const int middle = x + column.content / 2;
    if (column.start) out_.dots.push_back({middle, y + 6, false});
    if (column.end) out_.dots.push_back({middle, y + column.endY, true});
    for (const std::size_t index : flow_.blocks[block].steps) {
      Box& box = out_.boxes[index];
      box.x = x;
      box.y = y + column.tops.at(index);
      within(index);
    }
    for (std::size_t i = 0; i < graph_.ways.size(); ++i) {
      const Way& way = graph_.ways[i];
      if (way.block == block && isStraight(way)) straight(column, i, middle, y);
    }
    for (const Bus& bus : column.buses) detour(column, bus, x, y);
  }

  void within(std::size_t index) {
    const flow::Control& control = flow_.steps[index].control;
    if (control.blocks.empty()) return;
    const Box box = out_.boxes[index];
    int x = box.x + kInset;
    int y = box.y + box.headHeight;
    int lowest = y;
    for (const std::size_t inner : control.blocks) {
      const std::string& name = flow_.blocks[inner].name;
      if (!name.empty()) out_.captions.push_back({x, y + 12, oneLine(name, kColumns)});
      const int top = y + (name.empty() ? 0 : kCaption);
      column(inner, x, top);
      x += columns_[inner].width + kBetween;
      lowest = std::max(lowest, top + columns_[inner].height);
    }
    if (!control.finalize) return;
    out_.captions.push_back({box.x + kInset, lowest + kInset + 12, "finalize"});
    column(*control.finalize, box.x + kInset, lowest + kInset + kCaption);
  }

  void straight(const Column& column, std::size_t number, int middle, int y) {
    const Way& way = graph_.ways[number];
    if ((!way.from && !column.start) || (!way.to && !column.end)) return;
    const int from =
        way.from ? y + column.tops.at(*way.from) + out_.boxes[*way.from].height : y + kDotRoom;
    const int to = way.to ? y + column.tops.at(*way.to) : y + column.endY - 6;
    out_.lines.push_back({number, {{middle, from}, {middle, to}}});
  }

  void detour(const Column& column, const Bus& bus, int x, int y) {
    const int side = x + column.content;
    const int lane = side + kLane * (bus.lane + 1);
    for (const std::size_t number : bus.ways) {
      const Way& way = graph_.ways[number];
      const int from = y + column.tops.at(*way.from) + exitOf(way);
      const int to = bus.to ? y + column.tops.at(*bus.to) + entryOf(bus) : y + column.endY;
      const int target = bus.to ? side : x + column.content / 2 + 6;
      out_.lines.push_back({number, {{side, from}, {lane, from}, {lane, to}, {target, to}}});
    }
  }

  const FlowGraph& graph_;
  const flow::Flow& flow_;
  const std::map<std::size_t, std::string>& right_;
  std::vector<Column> columns_;
  Layout out_;
};

}  // namespace

Layout layOut(const FlowGraph& graph, const std::map<std::size_t, std::string>& right, int x,
              int y) {
  return Placing(graph, right).place(x, y);
}

}  // namespace belay::authoring
