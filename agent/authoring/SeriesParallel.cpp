#include "agent/authoring/SeriesParallel.h"

#include <algorithm>
#include <map>

namespace belay::authoring {

namespace {

using Steps = std::vector<std::size_t>;

class Planner {
 public:
  explicit Planner(const std::vector<Steps>& before) : before_(before) {}

  Plan plan() {
    const Steps order = sorted();
    if (order.size() != before_.size()) return {{}, true, true};
    ancestors_.assign(before_.size(), std::vector<bool>(before_.size(), false));
    for (const std::size_t step : order) {
      for (const std::size_t first : before_[step]) {
        ancestors_[step][first] = true;
        for (std::size_t i = 0; i < before_.size(); ++i) {
          if (ancestors_[first][i]) ancestors_[step][i] = true;
        }
      }
    }
    Part whole = part(order);
    return {std::move(whole), exact_, false};
  }

 private:
  /// By level, and within one in the order of the file. Shorter than the input where it has cycles.
  Steps sorted() {
    level_.assign(before_.size(), 0);
    std::vector<bool> done(before_.size(), false);
    Steps out;
    for (std::size_t level = 0; out.size() < before_.size(); ++level) {
      Steps ready;
      for (std::size_t i = 0; i < before_.size(); ++i) {
        const bool free = !done[i] && std::all_of(before_[i].begin(), before_[i].end(),
                                                  [&](std::size_t first) { return done[first]; });
        if (free) ready.push_back(i);
      }
      if (ready.empty()) break;
      for (const std::size_t step : ready) {
        done[step] = true;
        level_[step] = level;
        out.push_back(step);
      }
    }
    return out;
  }

  Part part(const Steps& steps) {
    if (steps.size() == 1) return {Part::Kind::kStep, steps.front(), {}};
    std::vector<Steps> pieces = components(steps);
    if (pieces.size() > 1) return composed(Part::Kind::kParallel, pieces);
    pieces = cuts(steps);
    if (pieces.size() == 1) {
      exact_ = false;
      pieces = levels(steps);
    }
    return composed(Part::Kind::kSeries, pieces);
  }

  Part composed(Part::Kind kind, const std::vector<Steps>& pieces) {
    Part out{kind, 0, {}};
    for (const Steps& piece : pieces) {
      Part inner = part(piece);
      if (inner.kind == kind) {
        for (Part& one : inner.parts) out.parts.push_back(std::move(one));
      } else {
        out.parts.push_back(std::move(inner));
      }
    }
    return out;
  }

  bool related(std::size_t a, std::size_t b) const { return ancestors_[a][b] || ancestors_[b][a]; }

  /// What has nothing to do with each other.
  std::vector<Steps> components(const Steps& steps) const {
    std::vector<Steps> out;
    std::vector<bool> placed(before_.size(), false);
    for (const std::size_t start : steps) {
      if (placed[start]) continue;
      Steps piece{start};
      placed[start] = true;
      for (std::size_t at = 0; at < piece.size(); ++at) {
        for (const std::size_t other : steps) {
          if (placed[other] || !related(piece[at], other)) continue;
          placed[other] = true;
          piece.push_back(other);
        }
      }
      // In the order of `steps`, which a walk has lost.
      Steps ordered;
      for (const std::size_t step : steps) {
        if (std::find(piece.begin(), piece.end(), step) != piece.end()) ordered.push_back(step);
      }
      out.push_back(std::move(ordered));
    }
    return out;
  }

  /// Cut wherever all that stands behind waits for all that stands before.
  std::vector<Steps> cuts(const Steps& steps) const {
    const std::size_t count = steps.size();
    std::vector<std::size_t> least(count + 1, count);  // First that some step from here on lacks.
    for (std::size_t i = count; i-- > 0;) {
      std::size_t missing = 0;
      while (missing < i && ancestors_[steps[i]][steps[missing]]) ++missing;
      least[i] = std::min(least[i + 1], missing);
    }
    std::vector<Steps> out(1);
    for (std::size_t i = 0; i < count; ++i) {
      if (i > 0 && least[i] >= i) out.emplace_back();
      out.back().push_back(steps[i]);
    }
    return out;
  }

  std::vector<Steps> levels(const Steps& steps) const {
    std::map<std::size_t, Steps> byLevel;
    for (const std::size_t step : steps) byLevel[level_[step]].push_back(step);
    std::vector<Steps> out;
    for (auto& [level, piece] : byLevel) out.push_back(std::move(piece));
    return out;
  }

  const std::vector<Steps>& before_;
  std::vector<std::vector<bool>> ancestors_;
  std::vector<std::size_t> level_;
  bool exact_ = true;
};

}  // namespace

Plan planOf(const std::vector<std::vector<std::size_t>>& before) { return Planner(before).plan(); }

}  // namespace belay::authoring
