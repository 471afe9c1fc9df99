#pragma once

#include <memory>
#include <string>

#include "agent/engine/Names.h"
#include "agent/journal/Journal.h"
#include "tests/support/MemoryLog.h"
#include "tests/support/SimClock.h"
#include "tests/support/TempFolder.h"

namespace belay::test {

/// A journal in a folder of its own, and short ways to write rows.
struct JournalFixture {
  TempFolder folder;
  SimClock clock;
  MemoryLog log;
  journal::JournalOptions options;
  std::unique_ptr<journal::Journal> journal;

  JournalFixture() {
    options.path = folder.at("journal.db");
    options.reserveBytes = 64 << 10;
    options.lockWait = std::chrono::milliseconds{0};
  }

  base::Status open() {
    journal.reset();
    auto opened = journal::Journal::open(options, clock, log);
    if (!opened.ok()) return std::move(opened).error();
    journal = std::move(opened).value();
    return {};
  }

  static base::RunId runId(const std::string& text) { return base::RunId::parse(text).value(); }
  static base::WaitId waitId(const std::string& text) { return base::WaitId::parse(text).value(); }

  journal::RunRow runRow(const std::string& id, const std::string& slug = "flow") const {
    journal::RunRow row;
    row.id = runId(id);
    row.slug = slug;
    row.flowDigest = "sha256:00";
    row.source = "draft";
    row.startedBy = "uid:1000";
    row.createdMs = row.updatedMs = clock.wallMs();
    return row;
  }

  /// Adds a run with `events` events.
  base::Result<journal::RunHead> addRun(const std::string& id, int events = 1,
                                        const std::string& slug = "flow") {
    journal::RunHead head;
    BELAY_TRY(journal->addRun(runRow(id, slug), head));
    for (int i = 0; i < events; ++i) {
      BELAY_TRY(journal->appendEvent(head, "step_started", clock.wallMs(),
                                     "{\"n\":" + std::to_string(i) + "}"));
    }
    return head;
  }

  /// Ends a run: its last event, its row and its seal.
  base::Status endRun(const std::string& id, engine::RunStatus status) {
    BELAY_ASSIGN(journal::RunHead head, journal->head(runId(id)));
    const auto end = static_cast<engine::RunEnd>(int(status) - int(engine::RunStatus::kSucceeded));
    const std::string body = "{\"end\":\"" + std::string(engine::runEndName(end)) + "\"}";
    BELAY_TRY(journal->appendEvent(head, "run_finished", clock.wallMs(), body));
    BELAY_ASSIGN(auto row, journal->run(runId(id)));
    row->status = status;
    row->updatedMs = row->finishedMs = clock.wallMs();
    BELAY_TRY(journal->updateRun(head, *row));
    return journal->sealRun(head, clock.wallMs());
  }

  journal::WaitRow waitRow(const std::string& id, const std::string& run,
                           flow::WaitKind kind = flow::WaitKind::kApproval) const {
    journal::WaitRow row;
    row.id = waitId(id);
    row.run = runId(run);
    row.step = "ask";
    row.kind = kind;
    row.requestJson = "{}";
    row.openedMs = clock.wallMs();
    return row;
  }

  /// Runs a verification to its end, `most` events a piece; the sum of the reports.
  base::Result<journal::VerifyReport> verifyAll(std::size_t most = 3) {
    journal::VerifyCursor cursor;
    journal::VerifyReport sum;
    while (!cursor.done && sum.ok) {
      BELAY_ASSIGN(const auto piece, journal->verify(cursor, most));
      sum.runs += piece.runs;
      sum.events += piece.events;
      sum.hostRows += piece.hostRows;
      sum.flowChanges += piece.flowChanges;
      sum.statements += piece.statements;
      sum.ok = piece.ok;
      sum.firstBad = piece.firstBad;
    }
    return sum;
  }
};

}  // namespace belay::test
