#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>

namespace belay::http {

/// What a connection is waiting for; each phase has one time-out for all connections.
enum class Phase { kNone, kHandshake, kHead, kBody, kIdle, kWrite, kLinger, kCount };

/// The deadlines of all connections: one list per phase, in order because the time-out of a phase
/// is always the same. Changing a phase moves a list node, and nothing is allocated.
///
/// Threads: the server's.
class PhaseTimers {
 public:
  struct Entry {
    std::chrono::milliseconds deadline{0};
    std::uint32_t slot = 0;
    Phase phase = Phase::kNone;
  };
  using Timer = std::list<Entry>::iterator;
  using Timeouts = std::array<std::chrono::milliseconds, static_cast<std::size_t>(Phase::kCount)>;

  explicit PhaseTimers(const Timeouts& timeouts) : timeouts_(timeouts) {}

  Timer add(std::uint32_t slot) {
    auto& none = list(Phase::kNone);
    none.push_back({{}, slot, Phase::kNone});
    return std::prev(none.end());
  }
  void remove(Timer timer) { list(timer->phase).erase(timer); }

  /// The phase begins (again) now.
  void start(Timer timer, Phase phase, std::chrono::milliseconds now) {
    auto& to = list(phase);
    to.splice(to.end(), list(timer->phase), timer);
    timer->phase = phase;
    timer->deadline = now + timeouts_[static_cast<std::size_t>(phase)];
  }

  /// The earliest deadline of all; nothing when nobody waits for time.
  std::optional<Entry> next() const {
    std::optional<Entry> first;
    for (std::size_t phase = 1; phase < lists_.size(); ++phase) {
      if (lists_[phase].empty()) continue;
      const Entry& entry = lists_[phase].front();
      if (!first || entry.deadline < first->deadline) first = entry;
    }
    return first;
  }

 private:
  std::list<Entry>& list(Phase phase) { return lists_[static_cast<std::size_t>(phase)]; }

  const Timeouts timeouts_;
  std::array<std::list<Entry>, static_cast<std::size_t>(Phase::kCount)> lists_;
};

}  // namespace belay::http
