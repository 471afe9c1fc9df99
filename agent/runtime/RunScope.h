#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/engine/Path.h"
#include "agent/engine/RunState.h"
#include "agent/runtime/RunCache.h"
#include "agent/script/Scope.h"

namespace belay::runtime {

/// What a flow reads as `run`.
std::string runJson(const engine::RunState& run);

/// What the expressions of one run see, at one point of it.
///
/// Threads:   the loop.
/// Ownership: borrows all it is given.
class RunScope final : public script::Scope {
 public:
  /// `path` says from where it is looked: the steps of its own child and of those around it are
  /// seen. Path and `visit` seed the randomness; `nowMs` is what Date shows.
  RunScope(LiveRun& run, LargeOutputs& outputs, std::string_view path, std::uint32_t visit,
           std::int64_t nowMs);

  /// Shows a step as ended before its event is there: for the expressions that choose what follows
  /// it.
  void overlay(const engine::StepFinished& finished);
  /// Shows a number as `index`: that of the round which a loop is about to begin.
  void showIndex(std::uint32_t index) { index_ = std::to_string(index); }
  /// Shows an event as `event`; the text must outlive the scope.
  void showEvent(const std::string& eventJson) { event_ = &eventJson; }

  const std::string* json(script::Name name) const override;
  const std::string* named(std::string_view name) const override;
  std::optional<std::string> step(std::string_view id) const override;
  const base::Error* broken() const override { return broken_ ? &*broken_ : nullptr; }
  std::vector<std::string> stepIds() const override;
  std::int64_t nowMs() const override { return nowMs_; }
  std::uint64_t seed() const override { return seed_; }

 private:
  std::string errorJson() const;
  /// The path under which an id is seen from here; empty when no such step has ended.
  std::string resolve(std::string_view id) const;
  /// A block around, and the child of it from which it is looked.
  struct Enclosing {
    const engine::ActiveBlock* block;
    engine::ChildName name;
  };
  /// The innermost for which the condition holds.
  template <typename Condition>
  std::optional<Enclosing> enclosing(Condition holds) const;
  /// Of the innermost for_each around, or of the one whose items have this name.
  const std::string* item(std::string_view as = {}) const;
  std::optional<std::string> index() const;
  base::RunId overlayChild() const;
  std::optional<std::string> branchOutputs(std::string_view id) const;

  LiveRun& live_;
  const engine::RunState& run_;
  const LoadedFlow& flow_;
  LargeOutputs& outputs_;
  const std::string path_;
  const std::int64_t nowMs_;
  std::uint64_t seed_;
  const engine::StepFinished* overlay_ = nullptr;
  const std::string* event_ = nullptr;
  std::optional<std::string> index_;
  mutable std::optional<base::Error> broken_;
  /// Texts that are made when an expression asks for them.
  mutable std::array<std::optional<std::string>, script::kNameCount> made_;
};

}  // namespace belay::runtime
