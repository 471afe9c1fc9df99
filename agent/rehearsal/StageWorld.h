#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "agent/rehearsal/Scenario.h"
#include "agent/runtime/Performer.h"
#include "agent/runtime/Starts.h"
#include "agent/runtime/Waits.h"
#include "common/base/Clock.h"
#include "common/base/Random.h"

namespace belay::rehearsal {

// What a run meets instead of the world while it is rehearsed. Threads: one.

/// Stands still until it is moved.
class StageClock final : public base::Clock {
 public:
  explicit StageClock(std::int64_t wallMs) : wallMs_(wallMs) {}

  std::chrono::milliseconds sinceBoot() const override {
    return std::chrono::milliseconds{bootMs_};
  }
  std::int64_t wallMs() const override { return wallMs_; }
  const std::string& bootId() const override { return bootId_; }
  void advance(std::int64_t byMs) {
    bootMs_ += byMs;
    wallMs_ += byMs;
  }

 private:
  std::int64_t wallMs_;
  std::int64_t bootMs_ = 60'000;
  std::string bootId_ = "rehearsal";
};

/// The same bytes each time, so that a rehearsal gives the same history each time.
class StageRandom final : public base::Random {
 public:
  void fill(std::span<std::uint8_t> out) override;

 private:
  std::uint64_t state_ = 1;
};

/// Large outputs in memory, and those of recorded runs from wherever they are.
class StageOutputs final : public runtime::LargeOutputs {
 public:
  using Load = std::function<base::Result<std::string>(std::string_view ref)>;

  explicit StageOutputs(Load load) : load_(std::move(load)) {}
  base::Result<journal::ResourceRow> store(std::string_view content, std::string_view mediaType,
                                           std::string_view name) override;
  base::Result<std::string> load(std::string_view ref) override;
  base::Result<std::string> head(std::string_view ref, std::size_t bytesMax) override;

 private:
  const Load load_;
  std::map<std::string, std::string, std::less<>> contents_;
};

/// Gives the answers of a scenario in their order, and remembers what it was asked in vain.
class Answers {
 public:
  explicit Answers(const Scenario& scenario) : scenario_(scenario) {}

  /// The next answer for a step; nothing: none is given for it.
  std::optional<Given> next(std::string_view flow, const std::string& path);
  /// The flow whose steps are named without their flow.
  void setFlow(std::string slug) { slug_ = std::move(slug); }
  /// Notes that a step cannot go on.
  void miss(std::string_view flow, const std::string& path);

  const std::string& missed() const { return missed_; }
  /// Names of answers that nobody asked for.
  std::vector<std::string> unused() const;

 private:
  std::string nameOf(std::string_view flow, const std::string& path) const;

  const Scenario& scenario_;
  std::string slug_;
  std::map<std::string, std::size_t> given_;  ///< How many, by path.
  std::map<std::string, bool, std::less<>> used_;
  std::string missed_;
};

/// Performs nothing: attempts end as the scenario says, when its clock says so.
class StagePerformer final : public runtime::Performer {
 public:
  StagePerformer(Answers& answers, const StageClock& clock) : answers_(answers), clock_(clock) {}

  void setSink(runtime::ResultSink sink) { sink_ = std::move(sink); }
  base::Result<trust::RenderedEffect> describe(const runtime::Attempt& attempt) const override;
  void start(const runtime::Attempt& attempt) override;
  /// Ends an attempt as `given` says, when it has taken as long; false when it says no such thing.
  bool end(const base::RunId& run, const engine::StepKey& key, flow::Family family,
           const std::optional<Given>& given);
  void cancel(const base::RunId& run, const engine::StepKey& key) override;

  /// Gives the results that are due.
  void deliver();
  /// When the next result is due, by the boot clock.
  std::optional<std::int64_t> nextDueMs() const;

 private:
  struct Pending {
    std::int64_t dueMs;
    base::RunId run;
    engine::StepKey key;
    runtime::StepResult result;
  };

  Answers& answers_;
  const StageClock& clock_;
  runtime::ResultSink sink_;
  std::vector<Pending> pending_;
};

/// Stands in for the runs that steps start: they end as the scenario says. Where it says nothing,
/// the flows that a test names start for real.
class StageChildren final : public runtime::ChildStandIn {
 public:
  StageChildren(Answers& answers, StagePerformer& performer, base::Random& random,
                const StageClock& clock)
      : answers_(answers), performer_(performer), random_(random), clock_(clock) {}

  /// A flow that the test names.
  void add(std::string slug) { flows_.insert(std::move(slug)); }
  std::optional<base::RunId> begin(const engine::RunState& above, const engine::StepStarted& step,
                                   const std::string& slug) override;

 private:
  Answers& answers_;
  StagePerformer& performer_;
  base::Random& random_;
  const StageClock& clock_;
  std::set<std::string> flows_;
};

/// `emit`: answers the waits of the runs that are rehearsed, and starts no run.
class StageEmit final : public runtime::InlineStep {
 public:
  void setWaits(runtime::Waits& waits) { waits_ = &waits; }
  base::Result<runtime::InlineOutcome> perform(const runtime::InlineContext& context) override;

 private:
  runtime::Waits* waits_ = nullptr;
};

/// An inline step that reads what the host keeps: given where the scenario says so.
class StageInline final : public runtime::InlineStep {
 public:
  StageInline(Answers& answers, runtime::InlineStep& real) : answers_(answers), real_(real) {}
  base::Result<runtime::InlineOutcome> perform(const runtime::InlineContext& context) override;

 private:
  Answers& answers_;
  runtime::InlineStep& real_;
};

}  // namespace belay::rehearsal
