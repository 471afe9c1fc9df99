#include "agent/runtime/Replacement.h"

#include <utility>

#include "agent/runtime/FlowLifecycle.h"
#include "agent/runtime/Runtime.h"
#include "common/json/Json.h"

namespace belay::runtime {

using base::Result;
using base::Status;
using journal::AdmissionRow;

namespace {

/// Rows that are looked at in one transaction.
constexpr std::size_t kBatch = 64;

}  // namespace

struct Replacement::Live {
  std::string digest;
  std::string source;
  std::string by;
};

void Replacement::promoted(const std::string& slug) {
  AdmissionRow from;
  from.slug = slug;
  flows_[slug] = std::move(from);
}

Status Replacement::recover() {
  BELAY_ASSIGN(const std::vector<std::string> slugs,
               core_.world().journal.admissions().waitingSlugs());
  for (const std::string& slug : slugs) promoted(slug);
  return {};
}

bool Replacement::hasWork() const { return !flows_.empty() && !core_.world().journal.fullMode(); }

void Replacement::forget() {
  for (auto& [slug, after] : flows_) {
    after = AdmissionRow{};
    after.slug = slug;
  }
}

Status Replacement::work() {
  if (!hasWork()) return {};
  const auto first = flows_.begin();
  BELAY_ASSIGN(const bool done, workOff(first->first, first->second));
  if (done) flows_.erase(first);
  return {};
}

Result<bool> Replacement::workOff(const std::string& slug, AdmissionRow& after) {
  const auto state = flowState(core_.world().journal, slug);
  if (!state) return endsTransaction(state.error().code) ? Result<bool>{state.error()} : true;
  if (!state->live) return true;
  const journal::FlowChangeRow& release = *state->live;
  const auto flow = core_.flows().get(release.digest);
  if (!flow) return endsTransaction(flow.error().code) ? Result<bool>{flow.error()} : true;
  if ((*flow)->flow.onNewRelease != flow::OnNewRelease::kSupersede) return true;
  BELAY_ASSIGN(const std::vector<AdmissionRow> rows,
               core_.world().journal.admissions().waitingOthers(after, release.release, kBatch));
  const Live live{release.digest, "live:" + std::to_string(release.release), release.by};
  for (const AdmissionRow& row : rows) BELAY_TRY(replace(row, live));
  if (rows.size() < kBatch) return true;
  after = rows.back();
  return false;
}

Status Replacement::replace(const AdmissionRow& row, const Live& live) {
  auto found = core_.runs().get(row.id);
  if (!found) return endsTransaction(found.error().code) ? Status{found.error()} : Status{};
  LiveRun& run = **found;
  const engine::RunState& state = run.state;
  const bool waits = state.queued && !state.finished && !state.stopping && !state.cancelling;
  const bool followsLive =
      run.row.source.starts_with("live:") && run.row.parent.empty() && state.visits.empty();
  if (!waits || !followsLive) return {};
  StartRequest request;
  request.digest = live.digest;
  request.source = live.source;
  BELAY_ASSIGN(request.input, json::parse(state.created.inputJson));
  request.triggerJson = state.created.triggerJson;
  request.by = state.created.startedBy;
  request.requester = state.created.requester;
  const auto started = start_(request, row.place);
  if (!started) {
    if (endsTransaction(started.error().code)) return started.error();
    core_.world().log.warning("run.kept", {{"run", row.id.str()},
                                           {"flow", row.slug},
                                           {"release", live.source},
                                           {"why", started.error().message}});
    return {};
  }
  BELAY_TRY(admission_.withdraw(row));
  return core_.record(run, engine::RunCancelRequested{live.by, started->run});
}

}  // namespace belay::runtime
