#include "agent/runtime/Admission.h"

#include <algorithm>
#include <limits>

#include "agent/runtime/WaitGraph.h"
#include "common/base/Text.h"

namespace belay::runtime {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::RunId;
using base::Status;
using flow::OnConflict;
using journal::AdmissionRow;
using journal::LaneCounts;
using journal::Turn;
using Verdict = Admittance::Verdict;

namespace {

constexpr std::size_t kKeyBytesMax = 512;
/// Runs that begin, and lanes that are looked at, in one transaction.
constexpr std::size_t kBudget = 256;
constexpr std::size_t kLanesCounted = 4096;

/// What an expression sees before its run exists.
class StartScope final : public script::Scope {
 public:
  StartScope(const std::string& input, const std::string& trigger, std::int64_t nowMs)
      : input_(input), trigger_(trigger), nowMs_(nowMs) {}

  const std::string* json(script::Name name) const override {
    if (name == script::Name::kInput) return &input_;
    return name == script::Name::kTrigger && !trigger_.empty() ? &trigger_ : nullptr;
  }
  std::optional<std::string> step(std::string_view) const override { return std::nullopt; }
  std::vector<std::string> stepIds() const override { return {}; }
  std::int64_t nowMs() const override { return nowMs_; }
  // A key that is drawn by lot would hold nothing together.
  std::uint64_t seed() const override { return 0; }

 private:
  const std::string& input_;
  const std::string& trigger_;
  const std::int64_t nowMs_;
};

/// What stands in the table: a key, or that the run is in no lane.
std::string laneOf(const Ticket& ticket) { return ticket.lane ? ":" + ticket.lane->key : "."; }

/// What the table keeps of a ticket; run, turn and place are the caller's to say.
AdmissionRow rowOf(const Ticket& ticket) {
  AdmissionRow row;
  row.slug = ticket.slug;
  row.lane = laneOf(ticket);
  row.release = ticket.release;
  row.limit = ticket.lane ? ticket.lane->limit : 0;
  row.drains = ticket.drains;
  return row;
}

std::string shown(const Ticket& ticket) {
  const std::string& key = ticket.lane->key;
  return "flow " + ticket.slug + (key.empty() ? "" : ", key \"" + base::visible(key) + "\"");
}

}  // namespace

Result<Ticket> Admission::ticketOf(const LoadedFlow& flow, std::string_view source,
                                   const std::string& inputJson, const std::string& triggerJson) {
  Ticket ticket;
  ticket.slug = flow.flow.slug.str();
  ticket.release = releaseOf(source);
  ticket.drains = flow.flow.onNewRelease == flow::OnNewRelease::kDrain && ticket.release != 0;
  if (!flow.flow.concurrency) return ticket;
  const flow::Concurrency& concurrency = *flow.flow.concurrency;
  ticket.onConflict = concurrency.onConflict;
  ticket.maxQueued = concurrency.maxQueued;
  ticket.lane = engine::Lane{"", concurrency.limit};
  const StartScope scope(inputJson, triggerJson, core_.wallMs());
  auto key = core_.world().evaluator.renderText(flow.module, concurrency.key, scope);
  if (!key) return std::move(key).error().in("concurrency.key");
  if (key->size() > kKeyBytesMax) {
    return Error{ErrorCode::kInputInvalid, "concurrency.key of flow " + ticket.slug + " has " +
                                               std::to_string(key->size()) +
                                               " bytes with this input, at most 512"};
  }
  ticket.lane->key = std::move(*key);
  return ticket;
}

Ticket Admission::ticketOf(const LiveRun& run) {
  Ticket ticket;
  ticket.slug = run.row.slug;
  ticket.release = releaseOf(run.row.source);
  ticket.lane = run.state.created.lane;
  const flow::Flow& flow = run.flow->flow;
  ticket.drains = flow.onNewRelease == flow::OnNewRelease::kDrain && ticket.release != 0;
  if (flow.concurrency) {
    ticket.onConflict = flow.concurrency->onConflict;
    ticket.maxQueued = flow.concurrency->maxQueued;
  }
  return ticket;
}

Result<LaneCounts*> Admission::countsOf(const LaneName& lane) {
  const auto found = counts_.find(lane);
  if (found != counts_.end()) return &found->second;
  BELAY_ASSIGN(const LaneCounts counts,
               core_.world().journal.admissions().count(lane.first, lane.second));
  if (counts_.size() >= kLanesCounted) counts_.clear();
  return &(counts_[lane] = counts);
}

Result<RunId> Admission::inTheWay(const LaneName& lane) {
  journal::AdmissionTable& table = core_.world().journal.admissions();
  BELAY_ASSIGN(std::optional<AdmissionRow> row, table.firstHeld(lane.first, lane.second));
  if (!row) {
    BELAY_ASSIGN(row, table.firstQueued(lane.first, lane.second));
  }
  return row ? row->id : RunId();
}

Status Admission::refuseBehindAbove(const Ticket& ticket, const LaneName& lane) {
  journal::Journal& journal = core_.world().journal;
  for (RunId above = ticket.parent; !above.empty();) {
    BELAY_ASSIGN(const auto slot, journal.admissions().find(above));
    if (slot && slot->turn != Turn::kQueued && slot->slug == lane.first &&
        slot->lane == lane.second) {
      return Error{ErrorCode::kFlowBusy,
                   shown(ticket) + ": run " + above.str() +
                       " holds a slot and waits for this one, which cannot wait for it in turn"};
    }
    BELAY_ASSIGN(const auto row, journal.run(above));
    above = row ? row->parent : RunId();
  }
  return {};
}

Status Admission::refuseToOutwaitAbove(const Ticket& ticket) {
  for (RunId above = ticket.parent; !above.empty();) {
    BELAY_ASSIGN(const auto row, core_.world().journal.run(above));
    if (!row) return {};
    const std::int64_t release = releaseOf(row->source);
    if (row->slug == ticket.slug && release != 0 && release != ticket.release) {
      return Error{ErrorCode::kFlowBusy, "flow " + ticket.slug + ": run " + above.str() +
                                             " of release " + std::to_string(release) +
                                             " waits for this one, and runs of release " +
                                             std::to_string(ticket.release) +
                                             " begin when it has ended (on_new_release: drain)"};
    }
    above = row->parent;
  }
  return {};
}

Status Admission::refuseCircle(const Ticket& ticket, const RunId& run) {
  if (ticket.parent.empty()) return {};  // Nobody waits for it.
  AdmissionRow row = rowOf(ticket);
  row.id = run;
  row.place = std::numeric_limits<std::int64_t>::max();
  BELAY_ASSIGN(const std::string circle, WaitGraph(core_).circleOf(row, ticket.parent));
  if (circle.empty()) return {};
  const std::string what = ticket.lane ? shown(ticket) : "flow " + ticket.slug;
  return Error{ErrorCode::kFlowBusy, what + ": " + circle};
}

/// Ends the oldest of the lane until one more fits in.
Status Admission::makeRoom(const Ticket& ticket, const LaneName& lane, const RunId& newcomer,
                           const std::string& by) {
  journal::AdmissionTable& table = core_.world().journal.admissions();
  for (std::size_t most = kBudget; most > 0; --most) {
    BELAY_ASSIGN(LaneCounts * counts, countsOf(lane));
    if (counts->queued + counts->held - counts->leaving < ticket.lane->limit) return {};
    BELAY_TRY(refuseBehindAbove(ticket, lane));
    BELAY_ASSIGN(std::optional<AdmissionRow> oldest, table.firstHeld(lane.first, lane.second));
    if (!oldest) {
      BELAY_ASSIGN(oldest, table.firstQueued(lane.first, lane.second));
    }
    if (!oldest) return {};
    auto run = core_.runs().get(oldest->id);
    if (!run && endsTransaction(run.error().code)) return std::move(run).error();
    if (!run || oldest->turn == Turn::kQueued) {
      BELAY_TRY(withdraw(*oldest));
    } else {
      BELAY_TRY(table.setTurn(oldest->run, Turn::kLeaving));
      ++counts->leaving;
    }
    if (run && !(*run)->state.cancelling && !(*run)->state.finished)
      BELAY_TRY(core_.record(**run, engine::RunCancelRequested{by, newcomer}));
  }
  return {};
}

Result<bool> Admission::drained(const std::string& slug, std::int64_t release, std::int64_t place) {
  BELAY_ASSIGN(const bool active, census_.othersActive(slug, release));
  if (active) return false;
  BELAY_ASSIGN(const bool waiting,
               core_.world().journal.admissions().othersBefore(slug, release, place));
  return !waiting;
}

Result<bool> Admission::hostHasRoom() {
  if (!boundsHost()) return true;
  BELAY_ASSIGN(const std::int64_t moving, census_.moving());
  return moving < static_cast<std::int64_t>(core_.settings().concurrentRunsMax);
}

Result<Admittance> Admission::ask(const Ticket& ticket, const RunId& run, const std::string& by) {
  Admittance out;
  if (ticket.lane) {
    const LaneName lane{ticket.slug, laneOf(ticket)};
    if (ticket.onConflict == OnConflict::kSupersede) BELAY_TRY(makeRoom(ticket, lane, run, by));
    BELAY_ASSIGN(const LaneCounts* counts, countsOf(lane));
    const std::int64_t limit = ticket.lane->limit;
    const bool full = counts->queued + counts->held >= limit;
    const bool refuses =
        ticket.onConflict == OnConflict::kSkip || ticket.onConflict == OnConflict::kReject;
    if (full && refuses) {
      BELAY_ASSIGN(out.because, inTheWay(lane));
      out.verdict = Verdict::kSkip;
      if (ticket.onConflict == OnConflict::kSkip) return out;
      const std::string who =
          out.because.empty() ? "" : ": " + out.because.str() + " has not ended";
      return Error{ErrorCode::kFlowBusy,
                   shown(ticket) + " may have " + std::to_string(limit) + " active" + who,
                   {"belay run list --flow " + ticket.slug}};
    }
    const bool waits = counts->queued > 0 || counts->held >= limit;
    if (waits && ticket.onConflict == OnConflict::kQueue && counts->queued >= ticket.maxQueued) {
      return Error{ErrorCode::kQueueFull,
                   shown(ticket) + ": " + std::to_string(counts->queued) +
                       " runs are queued already (concurrency.max_queued)",
                   {"belay run list --status queued --flow " + ticket.slug}};
    }
    if (waits) {
      BELAY_TRY(refuseBehindAbove(ticket, lane));
      BELAY_TRY(refuseCircle(ticket, run));
      return Admittance{Verdict::kQueue, Turn::kQueued, {}};
    }
  }
  if (ticket.drains) {
    BELAY_ASSIGN(const bool drain,
                 drained(ticket.slug, ticket.release, std::numeric_limits<std::int64_t>::max()));
    if (!drain) {
      BELAY_TRY(refuseToOutwaitAbove(ticket));
      BELAY_TRY(refuseCircle(ticket, run));
      return Admittance{Verdict::kQueue, Turn::kQueued, {}};
    }
  }
  if (!boundsHost()) return out;
  BELAY_ASSIGN(const bool room, hostHasRoom());
  BELAY_ASSIGN(const auto first, core_.world().journal.admissions().firstReady());
  if (!room || first) return Admittance{Verdict::kQueue, Turn::kReady, {}};
  return out;
}

Status Admission::take(std::int64_t run, const Ticket& ticket, const Admittance& admittance,
                       std::int64_t place) {
  if (!ticket.lane && admittance.verdict == Verdict::kBegin) return {};
  journal::AdmissionTable& table = core_.world().journal.admissions();
  if (!lastPlace_) {
    BELAY_ASSIGN(lastPlace_, table.lastPlace());
  }
  AdmissionRow row = rowOf(ticket);
  row.run = run;
  row.turn = admittance.turn;
  row.place = place != 0 ? place : ++*lastPlace_;
  BELAY_ASSIGN(LaneCounts * counts, countsOf({row.slug, row.lane}));
  BELAY_TRY(table.add(row));
  ++(row.turn == Turn::kQueued ? counts->queued : counts->held);
  // A place within the queue may be at its head.
  if (place != 0) freed_.insert({row.slug, row.lane});
  return {};
}

Status Admission::withdraw(const AdmissionRow& row) {
  BELAY_ASSIGN(LaneCounts * counts, countsOf({row.slug, row.lane}));
  BELAY_TRY(core_.world().journal.admissions().remove(row.run));
  --(row.turn == Turn::kQueued ? counts->queued : counts->held);
  if (row.turn == Turn::kLeaving) --counts->leaving;
  freed_.insert({row.slug, row.lane});
  return {};
}

Status Admission::leave(const EndedRun& run) {
  BELAY_ASSIGN(const auto row, core_.world().journal.admissions().find(run.number));
  if (row) BELAY_TRY(withdraw(*row));
  if (!census_.tracks(run.slug)) return {};
  const auto known = std::find_if(sweeps_.begin(), sweeps_.end(),
                                  [&run](const Sweep& sweep) { return sweep.only == run.slug; });
  // Runs of other releases may wait for this one, in any lane.
  const bool others = census_.releaseActive(run.slug, run.release);
  if (others && !run.waited) return {};
  if (known != sweeps_.end())
    known->after = {run.slug, ""};
  else
    sweeps_.push_back({run.slug, {run.slug, ""}});
  return {};
}

Result<LiveRun*> Admission::candidate(const AdmissionRow& row) {
  auto run = core_.runs().get(row.id);
  if (!run) {
    if (endsTransaction(run.error().code)) return std::move(run).error();
    return static_cast<LiveRun*>(nullptr);
  }
  const engine::RunState& state = (*run)->state;
  const bool wants = state.queued && !state.finished && !state.stopping && !state.cancelling;
  return wants ? *run : nullptr;
}

Status Admission::begin(const AdmissionRow& row, LiveRun& run) {
  if (row.limit == 0)
    BELAY_TRY(withdraw(row));
  else
    BELAY_TRY(core_.world().journal.admissions().setTurn(row.run, Turn::kBegun));
  BELAY_TRY(core_.record(run, engine::RunAdmitted{}));
  // Whoever is next is judged by rows that say so.
  return core_.flush();
}

Result<bool> Admission::fill(const LaneName& lane) {
  journal::AdmissionTable& table = core_.world().journal.admissions();
  while (budget_ > 0) {
    BELAY_ASSIGN(const auto row, table.firstQueued(lane.first, lane.second));
    if (!row) return true;
    BELAY_ASSIGN(LaneCounts * counts, countsOf(lane));
    if (row->limit != 0 && counts->held >= row->limit) return true;
    if (row->drains) {
      BELAY_ASSIGN(const bool drain, drained(row->slug, row->release, row->place));
      if (!drain) return true;
    }
    BELAY_ASSIGN(LiveRun * run, candidate(*row));
    if (!run) {
      BELAY_TRY(withdraw(*row));
      continue;
    }
    AdmissionRow ready = *row;
    ready.turn = Turn::kReady;
    --counts->queued;
    ++counts->held;
    --budget_;
    // With a bound, whoever is first of all goes first: fillHost().
    if (boundsHost())
      BELAY_TRY(table.setTurn(row->run, Turn::kReady));
    else
      BELAY_TRY(begin(ready, *run));
  }
  return false;
}

Status Admission::fillHost() {
  journal::AdmissionTable& table = core_.world().journal.admissions();
  if (!boundsHost() && !hostUnknown_) return {};
  for (hostUnknown_ = false; budget_ > 0; --budget_) {
    BELAY_ASSIGN(const bool room, hostHasRoom());
    if (!room) return {};
    BELAY_ASSIGN(const auto row, table.firstReady());
    if (!row) return {};
    BELAY_ASSIGN(LiveRun * run, candidate(*row));
    if (run)
      BELAY_TRY(begin(*row, *run));
    else
      BELAY_TRY(withdraw(*row));
  }
  hostUnknown_ = true;
  return {};
}

Result<bool> Admission::sweep(Sweep& at) {
  while (budget_ > 0) {
    BELAY_ASSIGN(const auto row,
                 core_.world().journal.admissions().nextLane(at.after.first, at.after.second));
    if (!row || (!at.only.empty() && row->slug != at.only)) return true;
    BELAY_ASSIGN(const bool done, fill({row->slug, row->lane}));
    if (!done) return false;
    at.after = {row->slug, row->lane};
    --budget_;
  }
  return false;
}

Status Admission::admit() {
  for (const EndedRun& run : core_.takeEnded()) BELAY_TRY(leave(run));
  // What is little goes on when the disk is full, and nothing that would fill it.
  if (core_.world().journal.fullMode()) return {};
  budget_ = kBudget;
  while (!freed_.empty() && budget_ > 0) {
    const LaneName lane = *freed_.begin();
    BELAY_ASSIGN(const bool done, fill(lane));
    if (done) freed_.erase(lane);
  }
  while (!sweeps_.empty() && budget_ > 0) {
    BELAY_ASSIGN(const bool done, sweep(sweeps_.front()));
    if (done) sweeps_.pop_front();
  }
  return fillHost();
}

bool Admission::hasWork() const {
  return (!freed_.empty() || !sweeps_.empty() || hostUnknown_) && !core_.world().journal.fullMode();
}

void Admission::lookAtAll() {
  sweeps_.clear();
  sweeps_.push_back({});
  hostUnknown_ = true;
}

void Admission::forget() {
  counts_.clear();
  freed_.clear();
  // Which lanes had to be looked at is forgotten too.
  lookAtAll();
}

}  // namespace belay::runtime
