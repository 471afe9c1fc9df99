#include <algorithm>
#include <string>
#include <utility>

#include "common/json/Characters.h"
#include "common/json/Pattern.h"

namespace belay::json {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

constexpr std::size_t kSourceBytesMax = 4096;
constexpr std::size_t kProgramMax = 4000;
constexpr int kNestingMax = 100;
constexpr unsigned kRepeatMax = 1000;
constexpr char32_t kLastCharacter = 0x10FFFF;

}  // namespace

/// Parses the source and writes the program as it goes: a fragment is the instructions from its
/// start to the end of the program, and falls off that end when it has matched.
class PatternCompiler {
 public:
  explicit PatternCompiler(std::string_view source) : source_(source) {}

  Result<Pattern> run() {
    if (source_.size() > kSourceBytesMax) {
      return Error{ErrorCode::kLimit,
                   "the pattern is longer than " + std::to_string(kSourceBytesMax) + " bytes"};
    }
    BELAY_TRY(alternatives(0));
    if (at_ < source_.size()) return fail("an unmatched )");
    emit(Pattern::Op::kMatch);
    return std::move(pattern_);
  }

 private:
  using Op = Pattern::Op;
  using Class = Pattern::Class;
  using Instruction = Pattern::Instruction;

  Error fail(const std::string& what) const {
    return Error{ErrorCode::kSchemaInvalid,
                 "the pattern has " + what + " at character " + std::to_string(at_ + 1)};
  }
  bool more() const { return at_ < source_.size(); }
  char peek() const { return more() ? source_[at_] : '\0'; }
  bool take(char c) {
    if (!more() || source_[at_] != c) return false;
    ++at_;
    return true;
  }
  std::uint32_t size() const { return static_cast<std::uint32_t>(pattern_.program_.size()); }
  void emit(Op op, std::uint32_t a = 0, std::uint32_t b = 0) {
    pattern_.program_.push_back({op, a, b});
  }
  void emitClass(Class set) {
    pattern_.classes_.push_back(std::move(set));
    emit(Op::kClass, static_cast<std::uint32_t>(pattern_.classes_.size() - 1));
  }

  /// Moves all from `start` on by one, and puts an instruction there.
  void insert(std::uint32_t start, Instruction instruction) {
    for (std::uint32_t i = start; i < size(); ++i) {
      Instruction& moved = pattern_.program_[i];
      if (moved.op == Op::kSplit || moved.op == Op::kJump) ++moved.a;
      if (moved.op == Op::kSplit) ++moved.b;
    }
    pattern_.program_.insert(pattern_.program_.begin() + start, instruction);
  }

  Status alternatives(int depth) {
    if (depth > kNestingMax) return fail("groups nested too deep");
    std::uint32_t start = size();
    std::vector<std::uint32_t> jumps;
    BELAY_TRY(sequence(depth));
    while (take('|')) {
      // split L1, L2; L1: left; jump end; L2: right; end:
      insert(start, {Op::kSplit, start + 1, 0});
      jumps.push_back(size());
      emit(Op::kJump);
      pattern_.program_[start].b = size();
      start = size();
      BELAY_TRY(sequence(depth));
      BELAY_TRY(checkSize());
    }
    for (const std::uint32_t jump : jumps) pattern_.program_[jump].a = size();
    return {};
  }

  Status checkSize() const {
    if (pattern_.program_.size() <= kProgramMax) return {};
    return Error{ErrorCode::kLimit, "the pattern is too large: its repetitions multiply"};
  }

  Status sequence(int depth) {
    while (more() && peek() != '|' && peek() != ')') {
      const std::uint32_t start = size();
      BELAY_TRY(atom(depth));
      BELAY_TRY(repetition(start));
      BELAY_TRY(checkSize());
    }
    return {};
  }

  Status atom(int depth) {
    const char c = peek();
    switch (c) {
      case '^':
        ++at_;
        emit(Op::kStart);
        return {};
      case '$':
        ++at_;
        emit(Op::kEnd);
        return {};
      case '.':
        ++at_;
        emit(Op::kAny);
        return {};
      case '(':
        return group(depth);
      case '[':
        return bracket();
      case '\\':
        return escape();
      case '*':
      case '+':
      case '?':
        return fail("a repetition of nothing");
      case '{':
      case '}':
      case ']':
        return fail(std::string("an unescaped ") + c);
      default:
        break;
    }
    emitClass(single(decodeCharacter(source_, at_)));
    return {};
  }

  static Class single(char32_t c) { return Class{{{c, c}}, false}; }

  Status group(int depth) {
    ++at_;
    if (take('?') && !take(':'))
      return fail("a group of a kind that is not supported, only (…) and (?:…) are,");
    BELAY_TRY(alternatives(depth + 1));
    if (!take(')')) return fail("a missing )");
    return {};
  }

  /// \d \w \s and their opposites; false when `c` names none of them.
  static bool namedClass(char c, Class& out) {
    switch (c) {
      case 'd':
      case 'D':
        out.ranges = {{'0', '9'}};
        break;
      case 'w':
      case 'W':
        out.ranges = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
        break;
      case 's':
      case 'S':
        out.ranges = {{'\t', '\r'},     {' ', ' '},       {0xA0, 0xA0},     {0x1680, 0x1680},
                      {0x2000, 0x200A}, {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F},
                      {0x3000, 0x3000}, {0xFEFF, 0xFEFF}};
        break;
      default:
        return false;
    }
    out.negated = c == 'D' || c == 'W' || c == 'S';
    return true;
  }

  /// The character that an escape stands for; `at_` is behind the backslash.
  Result<char32_t> escapedCharacter() {
    if (!more()) return fail("a backslash at its end");
    const char c = source_[at_++];
    constexpr std::string_view kFrom = "tnvfr", kTo = "\t\n\v\f\r";
    const std::size_t control = kFrom.find(c);
    if (control != std::string_view::npos) return static_cast<char32_t>(kTo[control]);
    if (c == 'x') return hex(2);
    if (c == 'u') {
      if (!take('{')) return hex(4);
      const std::size_t end = source_.find('}', at_);
      if (end == std::string_view::npos || end == at_ || end - at_ > 6)
        return fail("an unfinished \\u{…}");
      BELAY_ASSIGN(const char32_t value, hex(end - at_));
      ++at_;
      return value;
    }
    if (std::string_view("^$\\.*+?()[]{}|/-").find(c) != std::string_view::npos)
      return static_cast<char32_t>(c);
    --at_;
    return fail(std::string("the escape \\") + c + ", which is not supported,");
  }

  Result<char32_t> hex(std::size_t digits) {
    char32_t value = 0;
    for (std::size_t i = 0; i < digits; ++i, ++at_) {
      const char c = peek();
      const char32_t digit = c >= '0' && c <= '9'   ? static_cast<char32_t>(c - '0')
                             : c >= 'a' && c <= 'f' ? static_cast<char32_t>(c - 'a' + 10)
                             : c >= 'A' && c <= 'F' ? static_cast<char32_t>(c - 'A' + 10)
                                                    : 16;
      if (digit == 16) return fail("a wrong hexadecimal digit");
      value = value * 16 + digit;
    }
    if (value > kLastCharacter) return fail("a character beyond U+10FFFF");
    return value;
  }

  Status escape() {
    ++at_;
    const char c = peek();
    if (c == 'b' || c == 'B') {
      ++at_;
      emit(c == 'b' ? Op::kWordEdge : Op::kNoWordEdge);
      return {};
    }
    Class set;
    if (more() && namedClass(c, set)) {
      ++at_;
      emitClass(std::move(set));
      return {};
    }
    if (c >= '0' && c <= '9') return fail("a back reference, which is not supported,");
    BELAY_ASSIGN(const char32_t value, escapedCharacter());
    emitClass(single(value));
    return {};
  }

  static void addNegated(std::vector<Pattern::Range>& out,
                         const std::vector<Pattern::Range>& sorted) {
    char32_t from = 0;
    for (const Pattern::Range& range : sorted) {
      if (range.from > from) out.push_back({from, range.from - 1});
      from = range.to + 1;
    }
    out.push_back({from, kLastCharacter});
  }

  /// One character of a class; or a named class, which is added at once (then nothing is returned).
  Status member(Class& set, bool& isCharacter, char32_t& value) {
    isCharacter = true;
    if (!take('\\')) {
      value = decodeCharacter(source_, at_);
      return {};
    }
    Class named;
    if (more() && namedClass(peek(), named)) {
      ++at_;
      isCharacter = false;
      if (named.negated)
        addNegated(set.ranges, named.ranges);
      else
        set.ranges.insert(set.ranges.end(), named.ranges.begin(), named.ranges.end());
      return {};
    }
    if (take('b')) {
      value = '\b';
      return {};
    }
    BELAY_ASSIGN(value, escapedCharacter());
    return {};
  }

  Status bracket() {
    ++at_;
    Class set;
    set.negated = take('^');
    while (true) {
      if (!more()) return fail("a missing ]");
      if (take(']')) break;
      bool isCharacter = false;
      char32_t from = 0;
      BELAY_TRY(member(set, isCharacter, from));
      if (!isCharacter) continue;
      char32_t to = from;
      const bool range = peek() == '-' && at_ + 1 < source_.size() && source_[at_ + 1] != ']';
      if (range) {
        ++at_;
        BELAY_TRY(member(set, isCharacter, to));
        if (!isCharacter || to < from) return fail("a range that runs backwards");
      }
      set.ranges.push_back({from, to});
    }
    emitClass(std::move(set));
    return {};
  }

  Status repetition(std::uint32_t start) {
    const char c = peek();
    unsigned least = 0, most = 0;
    bool bounded = true;
    if (c == '*' || c == '+') {
      ++at_;
      least = c == '+' ? 1 : 0;
      bounded = false;
    } else if (c == '?') {
      ++at_;
      most = 1;
    } else if (c == '{') {
      BELAY_TRY(counts(least, most, bounded));
    } else {
      return {};
    }
    take('?');  // Lazy: which match is found first does not matter here.
    if (peek() == '*' || peek() == '+' || peek() == '?' || peek() == '{')
      return fail("a repetition of a repetition");
    return repeat(start, least, most, bounded);
  }

  Result<unsigned> number() {
    unsigned value = 0;
    const std::size_t from = at_;
    while (peek() >= '0' && peek() <= '9' && value <= kRepeatMax)
      value = value * 10 + static_cast<unsigned>(source_[at_++] - '0');
    if (at_ == from) return fail("a { without a number behind it");
    if (value > kRepeatMax) return fail("a repetition of more than " + std::to_string(kRepeatMax));
    return value;
  }

  Status counts(unsigned& least, unsigned& most, bool& bounded) {
    ++at_;
    BELAY_ASSIGN(least, number());
    most = least;
    if (take(',')) {
      bounded = peek() != '}';
      if (bounded) {
        BELAY_ASSIGN(most, number());
      }
    }
    if (!take('}')) return fail("a missing }");
    if (bounded && most < least) return fail("a repetition whose bounds are the wrong way round");
    return {};
  }

  /// Writes the fragment from `start` on as often as it may stand.
  Status repeat(std::uint32_t start, unsigned least, unsigned most, bool bounded) {
    const std::vector<Instruction> fragment(pattern_.program_.begin() + start,
                                            pattern_.program_.end());
    pattern_.program_.resize(start);
    const std::size_t copies = std::max<std::size_t>(bounded ? most : least + 1, 1);
    if (start + copies * (fragment.size() + 2) > 2 * kProgramMax) {
      return Error{ErrorCode::kLimit, "the pattern is too large: its repetitions multiply"};
    }
    for (unsigned i = 0; i < least; ++i) copy(fragment, start);
    if (!bounded) {
      // L: split body, end; body; jump L; end:
      const std::uint32_t split = size();
      emit(Op::kSplit, split + 1, 0);
      copy(fragment, start);
      emit(Op::kJump, split);
      pattern_.program_[split].b = size();
      return {};
    }
    std::vector<std::uint32_t> splits;
    for (unsigned i = least; i < most; ++i) {
      splits.push_back(size());
      emit(Op::kSplit, size() + 1, 0);
      copy(fragment, start);
    }
    for (const std::uint32_t split : splits) pattern_.program_[split].b = size();
    return {};
  }

  void copy(const std::vector<Instruction>& fragment, std::uint32_t writtenAt) {
    const std::uint32_t shift = size() - writtenAt;
    for (Instruction instruction : fragment) {
      if (instruction.op == Op::kSplit || instruction.op == Op::kJump) instruction.a += shift;
      if (instruction.op == Op::kSplit) instruction.b += shift;
      pattern_.program_.push_back(instruction);
    }
  }

  std::string_view source_;
  std::size_t at_ = 0;
  Pattern pattern_;
};

Result<Pattern> Pattern::compile(std::string_view source) { return PatternCompiler(source).run(); }

}  // namespace belay::json
