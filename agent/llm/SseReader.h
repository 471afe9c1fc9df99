#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "common/base/Result.h"

namespace belay::llm {

/// Takes a text/event-stream apart, wherever its pieces are cut: lines end with CR, LF or both, an
/// event with an empty line.
///
/// Threads: owner.
/// Errors:  kLlmAnswer for an event of more than kEventBytesMax, and what `event` returns.
class SseReader {
 public:
  static constexpr std::size_t kEventBytesMax = 4u << 20;
  /// `name` is empty where the event has none.
  using Event = std::function<base::Status(std::string_view name, std::string_view data)>;

  explicit SseReader(Event event) : event_(std::move(event)) {}

  base::Status push(std::string_view bytes);
  /// What an unfinished last event holds is given out too: not every server ends it properly.
  base::Status finish();

 private:
  base::Status line(std::string_view text);
  base::Status dispatch();

  const Event event_;
  std::string line_;  ///< What came of a line that has not ended.
  std::string name_;
  std::string data_;
  bool hasData_ = false;
  bool afterCr_ = false;  ///< A LF that comes next belongs to the CR before.
};

}  // namespace belay::llm
