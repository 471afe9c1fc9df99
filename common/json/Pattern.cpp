#include "common/json/Pattern.h"

#include <algorithm>

#include "common/json/Characters.h"

namespace belay::json {

namespace {

bool isWord(char32_t c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

}  // namespace

/// The set of states that are alive at one place of the text.
class Pattern::Search {
 public:
  Search(const Pattern& pattern, std::string_view text, std::uint64_t stepsMax)
      : pattern_(pattern), text_(text), stepsMax_(stepsMax), seenAt_(pattern.program_.size(), 0) {}

  std::uint64_t steps() const { return steps_; }

  Answer run() {
    std::size_t at = 0;
    while (true) {
      // Unanchored: a match may begin at every place.
      if (follow(0, at)) return Answer::kYes;
      if (steps_ > stepsMax_) return Answer::kTooCostly;
      if (at >= text_.size()) return Answer::kNo;
      const char32_t c = decodeCharacter(text_, at);
      previous_ = c;
      alive_.swap(next_);
      alive_.clear();
      ++round_;
      for (const std::uint32_t state : next_) {
        if (accepts(pattern_.program_[state], c) && follow(state + 1, at)) return Answer::kYes;
      }
      if (steps_ > stepsMax_) return Answer::kTooCostly;
    }
  }

 private:
  bool accepts(const Instruction& instruction, char32_t c) {
    if (instruction.op == Op::kAny) return c != '\n' && c != '\r' && c != 0x2028 && c != 0x2029;
    const Class& set = pattern_.classes_[instruction.a];
    steps_ += set.ranges.size();
    const bool within = std::any_of(set.ranges.begin(), set.ranges.end(), [c](const Range& range) {
      return c >= range.from && c <= range.to;
    });
    return within != set.negated;
  }

  bool isWordEdge(std::size_t at) const {
    const bool before = at > 0 && isWord(previous_);
    std::size_t ahead = at;
    const bool after = at < text_.size() && isWord(decodeCharacter(text_, ahead));
    return before != after;
  }

  /// Adds what can be reached from `state` without a character; true when that is the match.
  bool follow(std::uint32_t state, std::size_t at) {
    pending_.push_back(state);
    while (!pending_.empty()) {
      const std::uint32_t here = pending_.back();
      pending_.pop_back();
      ++steps_;
      if (seenAt_[here] == round_) continue;
      seenAt_[here] = round_;
      const Instruction& instruction = pattern_.program_[here];
      switch (instruction.op) {
        case Op::kMatch:
          return true;
        case Op::kClass:
        case Op::kAny:
          alive_.push_back(here);
          break;
        case Op::kSplit:
          pending_.push_back(instruction.b);
          [[fallthrough]];
        case Op::kJump:
          pending_.push_back(instruction.a);
          break;
        case Op::kStart:
          if (at == 0) pending_.push_back(here + 1);
          break;
        case Op::kEnd:
          if (at == text_.size()) pending_.push_back(here + 1);
          break;
        case Op::kWordEdge:
          if (isWordEdge(at)) pending_.push_back(here + 1);
          break;
        case Op::kNoWordEdge:
          if (!isWordEdge(at)) pending_.push_back(here + 1);
          break;
      }
    }
    return false;
  }

  const Pattern& pattern_;
  std::string_view text_;
  const std::uint64_t stepsMax_;
  std::vector<std::uint64_t> seenAt_;  ///< Round in which a state was last added.
  std::vector<std::uint32_t> alive_;
  std::vector<std::uint32_t> next_;
  std::vector<std::uint32_t> pending_;
  std::uint64_t round_ = 1;
  std::uint64_t steps_ = 0;
  char32_t previous_ = 0;
};

Pattern::Answer Pattern::search(std::string_view text) const {
  std::uint64_t steps = kStepsMax;
  return search(text, steps);
}

Pattern::Answer Pattern::search(std::string_view text, std::uint64_t& steps) const {
  Search search(*this, text, steps);
  const Answer answer = search.run();
  steps -= std::min(steps, search.steps());
  return answer;
}

}  // namespace belay::json
