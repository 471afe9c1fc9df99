#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/runtime/FlowLifecycle.h"
#include "agent/steps/SetStep.h"
#include "agent/triggers/Ledger.h"
#include "agent/triggers/Scheduler.h"
#include "common/base/Units.h"
#include "tests/support/TestRuntime.h"

namespace belay::test {

/// A host with schedules: TestRuntime and the real scheduler over it. The clock begins at
/// 2027-01-15T08:00:00Z.
///
/// Threads: one.
class TestScheduler {
 public:
  explicit TestScheduler(std::string zoneFolder = "/usr/share/zoneinfo")
      : zones(std::move(zoneFolder)) {
    host.wire = [this](runtime::Steps& steps) { steps.setInline(flow::Family::kSet, set_); };
    host.extend = [this] {
      scheduler = std::make_unique<triggers::Scheduler>(
          triggers::Scheduler::World{*host.runtime, *host.evaluator, zones, host.log, "host"});
      host.loop->add(*scheduler);
    };
  }

  /// Makes a flow of these triggers (a YAML list, indented by two) the live release of `slug`.
  base::Status promote(const std::string& slug, const std::string& triggers,
                       const std::string& more = "") {
    const std::string text = "slug: " + slug + "\n" + more +
                             (triggers.empty() ? "" : "triggers:\n" + triggers) +
                             "steps:\n  - id: note\n    set: {done: true}\n";
    return host.tell([&, text](runtime::Runtime& on) -> base::Status {
      auto flow = flow::parseFlow(text, "test.flow.yaml", flow::Format::kYaml);
      if (!flow) return flow.error();
      const runtime::Author author{"uid:1000", "/f"};
      BELAY_TRY(runtime::putDraft(on.journal(),
                                  {flow->digest, slug, "yaml", text, host.clock.wallMs()},
                                  {"", true}, author));
      BELAY_TRY(
          runtime::makeRelease(on.journal(), slug, "", {"", true}, author, host.clock.wallMs()));
      BELAY_TRY(runtime::promote(on.journal(), slug, "", author, host.clock.wallMs()));
      return {};
    });
  }
  base::Status archive(const std::string& slug, bool undo = false) {
    return host.tell([&](runtime::Runtime& on) -> base::Status {
      BELAY_TRY(runtime::archive(on.journal(), slug, undo, {"uid:1000", ""}, host.clock.wallMs()));
      return {};
    });
  }
  base::Status pause(const std::string& slug, const std::string& id = "schedule-1") {
    return host.tell([&](runtime::Runtime&) -> base::Status {
      BELAY_TRY(scheduler->pause(slug, id, "uid:1000"));
      return {};
    });
  }
  base::Status resume(const std::string& slug, const std::string& id = "schedule-1") {
    return host.tell([&](runtime::Runtime&) -> base::Status {
      BELAY_TRY(scheduler->resume(slug, id));
      return {};
    });
  }
  /// Time passes, and the loop runs whenever it wanted to.
  void pass(std::chrono::milliseconds time) {
    const std::int64_t end = host.clock.wallMs() + time.count();
    for (int i = 0;; ++i) {
      BELAY_CHECK(i < 1'000'000);
      const auto next = host.settle();
      BELAY_CHECK(next.ok());
      if (!next->wallMs || *next->wallMs > end) break;
      host.clock.advance(std::chrono::milliseconds{*next->wallMs - host.clock.wallMs()});
    }
    host.clock.advance(std::chrono::milliseconds{end - host.clock.wallMs()});
    BELAY_CHECK(host.settle().ok());
  }
  /// The process is gone for a time.
  void down(std::chrono::milliseconds time) {
    host.end();
    host.clock.advance(time);
    host.boot();
  }

  std::vector<journal::OccurrenceRow> rows(const std::string& slug,
                                           const std::string& id = "schedule-1") {
    const auto row = host.journal->schedules().find(slug, id);
    BELAY_CHECK(row.ok());
    if (!*row) return {};
    auto found = host.journal->schedules().before((*row)->number, 1LL << 40, 1'000'000);
    BELAY_CHECK(found.ok());
    return {found->rbegin(), found->rend()};
  }
  /// "08:00:00 ran, 08:01:00 skipped paused", oldest first.
  std::string ledger(const std::string& slug, const std::string& id = "schedule-1") {
    std::string out;
    for (const journal::OccurrenceRow& row : rows(slug, id)) {
      const triggers::Occurrence at = triggers::occurrenceOf(row);
      out += (out.empty() ? "" : ", ") + base::formatInstant(row.dueS * 1000).substr(11, 8);
      if (row.count > 1) out += "*" + std::to_string(row.count);
      out += " " + std::string(triggers::outcomeName(at.outcome));
      if (at.reason != triggers::SkipReason::kNone)
        out += " " + std::string(triggers::skipReasonName(at.reason));
      if (row.state == journal::OccurrenceState::kWaiting) out += " waiting";
      if (row.state == journal::OccurrenceState::kStarted && row.run.empty()) out += " no run";
    }
    return out;
  }
  std::vector<journal::RunRow> runs() {
    journal::RunFilter filter;
    filter.most = 100'000;
    return *host.journal->runs(filter);
  }

  TestRuntime host;
  calendar::TimeZones zones;
  std::unique_ptr<triggers::Scheduler> scheduler;

 private:
  steps::SetStep set_;
};

}  // namespace belay::test
