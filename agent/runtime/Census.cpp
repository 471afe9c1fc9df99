#include "agent/runtime/Census.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "agent/journal/AdmissionTable.h"
#include "common/base/Text.h"

namespace belay::runtime {

using base::Result;
using base::RunId;
using engine::RunStatus;

namespace {

bool isMoving(RunStatus status) {
  return status == RunStatus::kRunning || status == RunStatus::kStopping;
}

bool isActive(RunStatus status) { return !engine::isFinal(status) && status != RunStatus::kQueued; }

}  // namespace

std::int64_t releaseOf(std::string_view source) {
  const std::size_t colon = source.find(':');
  if (colon == std::string_view::npos) return 0;
  const auto number = base::parseUnsigned(source.substr(colon + 1));
  return number ? static_cast<std::int64_t>(*number) : 0;
}

void Census::count(const journal::RunRow& row, RunStatus status, std::int64_t by) {
  if (moving_ && isMoving(status)) *moving_ += by;
  if (releases_.empty() || !isActive(status)) return;
  const auto found = releases_.find(row.slug);
  if (found != releases_.end()) found->second[releaseOf(row.source)] += by;
}

void Census::created(const journal::RunRow& row) {
  count(row, row.status, 1);
  if (children_ && !row.parent.empty()) (*children_)[row.parent].insert(row.id);
}

void Census::changed(const journal::RunRow& row, RunStatus before) {
  if (row.status == before) return;
  count(row, before, -1);
  count(row, row.status, 1);
  if (!children_ || row.parent.empty()) return;
  const auto above = children_->try_emplace(row.parent).first;
  if (engine::isFinal(row.status))
    above->second.erase(row.id);
  else
    above->second.insert(row.id);
  if (above->second.empty()) children_->erase(above);
}

bool Census::releaseActive(const std::string& slug, std::int64_t release) const {
  const auto& counts = releases_.at(slug);
  const auto found = counts.find(release);
  return found != counts.end() && found->second > 0;
}

void Census::forget() {
  moving_.reset();
  children_.reset();
  releases_.clear();
}

Result<const std::map<RunId, std::set<RunId>>*> Census::children() {
  if (children_) return &*children_;
  journal::RunFilter filter;
  filter.statuses = {RunStatus::kRunning,   RunStatus::kWaiting,  RunStatus::kPaused,
                     RunStatus::kAmbiguous, RunStatus::kStopping, RunStatus::kQueued};
  filter.most = std::numeric_limits<std::uint32_t>::max();
  BELAY_ASSIGN(const std::vector<journal::RunRow> rows, journal_.runs(filter));
  children_.emplace();
  for (const journal::RunRow& row : rows) {
    if (!row.parent.empty()) (*children_)[row.parent].insert(row.id);
  }
  return &*children_;
}

Result<std::int64_t> Census::moving() {
  if (!moving_) {
    BELAY_ASSIGN(moving_, journal_.admissions().countMoving());
  }
  return *moving_;
}

Result<bool> Census::othersActive(const std::string& slug, std::int64_t release) {
  auto found = releases_.find(slug);
  if (found == releases_.end()) {
    BELAY_ASSIGN(const std::vector<journal::ReleaseCount> counts,
                 journal_.admissions().begun(slug));
    found = releases_.try_emplace(slug).first;
    for (const journal::ReleaseCount& count : counts)
      found->second[releaseOf(count.source)] += count.runs;
  }
  return std::any_of(found->second.begin(), found->second.end(), [&](const auto& row) {
    return row.first != 0 && row.first != release && row.second > 0;
  });
}

}  // namespace belay::runtime
