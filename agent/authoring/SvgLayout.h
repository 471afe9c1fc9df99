#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "agent/authoring/FlowGraph.h"

namespace belay::authoring {

/// A step in the picture: its frame, and the texts in it.
struct Box {
  int x = 0, y = 0, width = 0, height = 0;
  int headHeight = 0;                ///< Of a step that holds others: above them.
  std::vector<std::string> details;  ///< Lines under its name.
  std::vector<std::string> cases;    ///< Of a switch: one line each.
};

/// The word above a list of steps within a step.
struct Caption {
  int x = 0, y = 0;
  std::string text;
};

/// A way as a line: down from one box to the next, or around others in a lane of its own.
struct Line {
  std::size_t way = 0;
  std::vector<std::pair<int, int>> points;
};

struct Dot {
  int x = 0, y = 0;
  bool end = false;
};

/// Where everything of a flow stands. A list is a column: a row for each step, in the order of the
/// file, and at its right the lanes of the ways that lead elsewhere than to the next row. So no
/// line crosses a box, and no text stands on another.
struct Layout {
  std::map<std::size_t, Box> boxes;  ///< By index of the step.
  std::vector<Caption> captions;
  std::vector<Line> lines;
  std::vector<Dot> dots;
  int width = 0, height = 0;
};

inline constexpr int kNameHeight = 30;  ///< Of the line with the name, and the space above it.
inline constexpr int kTextHeight = 16;
inline constexpr int kBoxEnd = 8;  ///< Below the last line.
inline constexpr int kInset = 14;  ///< Left of texts, and around lists within a step.

/// The column of (x, y) on; `right` texts stand at the right of the names of steps.
Layout layOut(const FlowGraph& graph, const std::map<std::size_t, std::string>& right, int x,
              int y);

}  // namespace belay::authoring
