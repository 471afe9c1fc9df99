#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "agent/agents/DriveResult.h"
#include "agent/agents/Event.h"

namespace belay::agents {

/// Tells people what an agent does, one line each; control characters are made visible, long lines
/// cut.
///
/// Threads: owner.
class Narrator {
 public:
  using Write = std::function<void(std::string_view line)>;

  explicit Narrator(Write write) : write_(std::move(write)) {}

  void show(const Event& event);
  void show(std::string_view label, std::string_view text);
  void showEnd(const DriveResult& result);
  /// What was held back until its line is whole.
  void flush();

 private:
  void stream(const Event& event, std::string_view label);
  void line(std::string_view label, std::string_view text);

  Write write_;
  std::string held_;
  std::string_view heldLabel_;
};

}  // namespace belay::agents
