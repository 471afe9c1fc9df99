#include "agent/triggers/Scheduler.h"

#include <algorithm>
#include <vector>

#include "agent/journal/DeliveryTable.h"
#include "agent/runtime/FlowLifecycle.h"
#include "agent/triggers/Ledger.h"
#include "common/base/Text.h"

namespace belay::triggers {

using base::Error;
using base::Result;
using base::Status;
using runtime::endsTransaction;
using runtime::LoadedFlow;
using runtime::NextStep;

namespace {

constexpr std::string_view kSeenChange = "schedules.flow_change";
/// An armed timer is told when the clock is set: without anything to wait for, one that never
/// comes.
constexpr std::chrono::days kNever{3653};

}  // namespace

Moment Scheduler::now() const { return momentOf(world_.runtime.clock().wallMs()); }

void Scheduler::forget() {
  loaded_ = false;
  entries_.clear();
  wakes_.clear();
  lastLook_.reset();
}

NextStep Scheduler::next() const {
  NextStep next;
  // On a full disk nothing is decided; the loop looks again by itself.
  if (journal().fullMode()) return next;
  const Moment at = wakes_.empty() ? now() + kNever : wakes_.begin()->first;
  next.now = !loaded_ || at <= now();
  if (!entries_.empty()) next.wallMs = at.time_since_epoch().count();
  return next;
}

Status Scheduler::work() {
  if (journal().fullMode()) return {};
  if (!loaded_) BELAY_TRY(load());
  BELAY_TRY(followFlows());
  const Instant second = std::chrono::floor<std::chrono::seconds>(now());
  if (lastLook_ && second < *lastLook_) {
    // The clock was put back: what was decided of times that are yet to come is void.
    for (auto& [number, entry] : entries_) wake(entry, now());
  }
  lastLook_ = second;
  for (std::size_t i = 0; i < plansPerRound_; ++i) {
    if (wakes_.empty() || wakes_.begin()->first > now()) return {};
    BELAY_TRY(turn(entries_.at(wakes_.begin()->second)));
  }
  return {};
}

Status Scheduler::load() {
  BELAY_ASSIGN(const std::optional<std::string> seen, journal().meta(kSeenChange));
  seenChange_ = seen ? static_cast<std::int64_t>(base::parseUnsigned(*seen).value_or(0)) : 0;
  BELAY_ASSIGN(std::vector<journal::ScheduleRow> rows, journal().schedules().all());
  for (journal::ScheduleRow& row : rows) {
    Entry& entry = entries_[row.number];
    entry.row = std::move(row);
    if (entry.row.digest.empty()) continue;
    const auto flow = world_.runtime.flows().get(entry.row.digest);
    if (flow) {
      BELAY_TRY(define(entry, **flow));
    } else {
      if (endsTransaction(flow.error().code)) return flow.error();
      world_.log.error("schedule.unreadable", flow.error(), {{"flow", entry.row.slug}});
    }
    if (entry.definition) wake(entry, now());
  }
  loaded_ = true;
  return {};
}

Status Scheduler::followFlows() {
  BELAY_ASSIGN(const auto changed, journal().schedules().flowsChangedAfter(seenChange_));
  if (changed.last <= seenChange_) return {};
  for (const std::string& slug : changed.slugs) BELAY_TRY(follow(slug));
  seenChange_ = changed.last;
  return journal().setMeta(kSeenChange, std::to_string(seenChange_));
}

/// The live release, or a null pointer while nothing of the flow is to be started.
Result<std::shared_ptr<const LoadedFlow>> Scheduler::liveFlow(const std::string& slug,
                                                              journal::FlowChangeRow& live) {
  const auto passOver = [&](const Error& error) -> Result<std::shared_ptr<const LoadedFlow>> {
    if (endsTransaction(error.code)) return error;
    world_.log.error("schedule.unreadable", error, {{"flow", slug}});
    return std::shared_ptr<const LoadedFlow>();
  };
  const auto state = runtime::flowState(journal(), slug);
  if (!state) return passOver(state.error());
  if (!state->live || state->archived) return std::shared_ptr<const LoadedFlow>();
  live = *state->live;
  auto loaded = world_.runtime.flows().get(live.digest);
  return loaded ? std::move(loaded) : passOver(loaded.error());
}

Status Scheduler::follow(const std::string& slug) {
  journal::FlowChangeRow live;
  BELAY_ASSIGN(const std::shared_ptr<const LoadedFlow> flow, liveFlow(slug, live));
  std::set<std::string_view> known;
  for (auto& [number, entry] : entries_) {
    if (entry.row.slug != slug) continue;
    known.insert(entry.row.id);
    BELAY_TRY(turn(entry));
    if (!flow)
      BELAY_TRY(disable(entry));
    else if (findSchedule(flow->flow, entry.row.id))
      BELAY_TRY(take(entry, *flow, live));
    else
      BELAY_TRY(retire(entry));
  }
  std::vector<std::string> events;
  if (flow) {
    for (const flow::ScheduleTrigger& trigger : flow->flow.triggers.schedules) {
      if (known.contains(trigger.id)) continue;
      Entry entry;
      entry.row.slug = slug;
      entry.row.id = trigger.id;
      BELAY_TRY(journal().schedules().put(entry.row));
      BELAY_TRY(take(entries_[entry.row.number] = std::move(entry), *flow, live));
    }
    for (const flow::EventTrigger& trigger : flow->flow.triggers.events)
      events.push_back(trigger.name);
  }
  return journal().deliveries().setEvents(slug, events);
}

Status Scheduler::define(Entry& entry, const LoadedFlow& flow) {
  entry.definition.reset();
  const flow::ScheduleTrigger* const trigger = findSchedule(flow.flow, entry.row.id);
  if (!trigger) return {};
  auto defined = defineSchedule(*trigger, world_.host, entry.row.slug, world_.zones);
  if (defined) {
    entry.definition = std::move(*defined);
  } else {
    world_.log.error("schedule.unreadable", defined.error(),
                     {{"flow", entry.row.slug}, {"schedule", entry.row.id}});
  }
  return {};
}

Status Scheduler::take(Entry& entry, const LoadedFlow& flow, const journal::FlowChangeRow& live) {
  const std::int64_t second = secondsOf(std::chrono::floor<std::chrono::seconds>(now()));
  // What is new or was gone begins its ledger now; so does what could not be read until now.
  if (entry.row.digest.empty()) entry.row.sinceS = second;
  if (!entry.definition) entry.row.handledUntilS = second;
  entry.row.digest = live.digest;
  entry.row.release = live.release;
  entry.row.disabledSinceS = 0;
  BELAY_TRY(define(entry, flow));
  BELAY_TRY(journal().schedules().put(entry.row));
  return turn(entry);
}

Status Scheduler::disable(Entry& entry) {
  if (entry.row.digest.empty() || entry.row.disabledSinceS != 0) return {};
  entry.row.disabledSinceS = secondsOf(std::chrono::floor<std::chrono::seconds>(now()));
  BELAY_TRY(journal().schedules().put(entry.row));
  return turn(entry);
}

Status Scheduler::retire(Entry& entry) {
  if (entry.row.digest.empty()) return {};
  // First what waits for its start is skipped.
  BELAY_TRY(disable(entry));
  entry.row.digest.clear();
  entry.row.release = 0;
  entry.row.disabledSinceS = 0;
  entry.definition.reset();
  wake(entry, std::nullopt);
  return journal().schedules().put(entry.row);
}

void Scheduler::wake(Entry& entry, std::optional<Moment> at) {
  if (entry.wakeAt) wakes_.erase({*entry.wakeAt, entry.row.number});
  entry.wakeAt = entry.definition ? at : std::nullopt;
  if (entry.wakeAt) wakes_.insert({*entry.wakeAt, entry.row.number});
}

Status Scheduler::turn(Entry& entry) {
  if (!entry.definition) return {};
  const Moment moment = now();
  BELAY_ASSIGN(const LedgerView view, viewOf(journal().schedules(), entry.row, moment));
  const Plan made = plan(entry.definition->schedule, view, offPeriods(entry.row, moment), moment);
  BELAY_TRY(write(entry, made));
  BELAY_ASSIGN(const bool more, startDue(entry));
  wake(entry, more ? std::optional(moment) : made.wakeAt);
  return {};
}

Status Scheduler::write(Entry& entry, const Plan& plan) {
  journal::ScheduleTable& table = journal().schedules();
  if (plan.voidAfter) BELAY_TRY(table.dropAfter(entry.row.number, secondsOf(*plan.voidAfter)));
  const std::int64_t nowMs = world_.runtime.clock().wallMs();
  std::int64_t lastCatchUpMs = 0;
  for (const Occurrence& occurrence : plan.rows) {
    BELAY_TRY(table.putOccurrence(rowOf(occurrence, entry.row, nowMs)));
    if (occurrence.outcome != Outcome::kCaughtUp) continue;
    lastCatchUpMs = std::max(lastCatchUpMs, occurrence.runAt.time_since_epoch().count());
  }
  if (lastCatchUpMs != 0) entry.row.lastCatchUpMs = lastCatchUpMs;
  entry.row.handledUntilS = secondsOf(plan.handledUntil);
  // Where nothing was due, an older mark says the same.
  return plan.voidAfter || !plan.rows.empty() ? table.put(entry.row) : Status{};
}

}  // namespace belay::triggers
