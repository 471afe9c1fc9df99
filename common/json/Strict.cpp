#include "common/json/Strict.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <set>
#include <string>
#include <vector>

#include "common/base/Text.h"
#include "common/json/Exact.h"

namespace belay::json {

using base::Error;
using base::ErrorCode;
using base::Status;

namespace {

// cJSON copies a number into a buffer of 64 bytes and would read the rest as something else.
constexpr std::size_t kNumberCharsMax = 63;
constexpr std::string_view kWholeMax = "9007199254740992";

/// Of a number by the grammar, which has no leading zeros.
bool losesDigits(std::string_view number) {
  if (number.find_first_of(".eE") != std::string_view::npos) return false;
  if (number.starts_with('-')) number.remove_prefix(1);
  return number.size() > kWholeMax.size() ||
         (number.size() == kWholeMax.size() && number > kWholeMax);
}

class Checker {
 public:
  Checker(std::string_view text, const ParseLimits& limits, bool exact)
      : text_(text), limits_(limits), exact_(exact) {}

  Status run() {
    skipSpace();
    BELAY_TRY(value(0));
    skipSpace();
    if (at_ != text_.size()) return fail("unexpected text after the value");
    return {};
  }

 private:
  Error fail(const std::string& what) const {
    base::SourcePlace place;
    const std::string_view before = text_.substr(0, std::min(at_, text_.size()));
    place.line = 1 + static_cast<int>(std::count(before.begin(), before.end(), '\n'));
    const std::size_t lineStart = before.rfind('\n');
    place.column = 1 + static_cast<int>(before.size() -
                                        (lineStart == std::string_view::npos ? 0 : lineStart + 1));
    for (const std::string& token : path_) place.pointer += "/" + token;
    std::string message = "JSON at line " + std::to_string(place.line) + ", column " +
                          std::to_string(place.column) + ": " + what;
    return Error{ErrorCode::kJsonSyntax, std::move(message)}.at(std::move(place));
  }

  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void skipSpace() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r'))
      ++at_;
  }

  Status value(int depth) {
    if (depth > limits_.depthMax) {
      return Error{ErrorCode::kLimit, "JSON nests deeper than " + std::to_string(limits_.depthMax)};
    }
    switch (peek()) {
      case '{':
        return object(depth);
      case '[':
        return array(depth);
      case '"':
        return string(nullptr);
      case 't':
        return word("true");
      case 'f':
        return word("false");
      case 'n':
        return word("null");
      default:
        return number();
    }
  }

  Status word(std::string_view expected) {
    if (text_.substr(at_, expected.size()) != expected) return fail("expected a value");
    at_ += expected.size();
    return {};
  }

  Status digits() {
    const std::size_t from = at_;
    while (peek() >= '0' && peek() <= '9') ++at_;
    if (at_ == from) return fail(at_ >= text_.size() ? "unexpected end" : "expected a value");
    return {};
  }

  Status number() {
    const std::size_t from = at_;
    take('-');
    if (!take('0'))
      BELAY_TRY(digits());
    else if (peek() >= '0' && peek() <= '9')
      return fail("a number must not begin with 0");
    if (take('.')) BELAY_TRY(digits());
    if (take('e') || take('E')) {
      if (!take('+')) take('-');
      BELAY_TRY(digits());
    }
    const std::string_view number = text_.substr(from, at_ - from);
    if (number.size() > kNumberCharsMax) {
      return fail("a number has at most " + std::to_string(kNumberCharsMax) + " characters");
    }
    if (exact_ && losesDigits(number)) {
      at_ = from;
      return fail("the whole number " + std::string(number) +
                  " is beyond 2^53 and would lose digits; give it as a text, in quotes");
    }
    // Without an exponent, so few digits cannot be too many.
    const bool mayBeLarge = number.find_first_of("eE") != std::string_view::npos;
    if (mayBeLarge && !std::isfinite(std::strtod(std::string(number).c_str(), nullptr)))
      return fail("the number is too large");
    return {};
  }

  /// Reads four hexadecimal digits.
  Status unit(unsigned& out) {
    if (at_ + 4 > text_.size()) return fail("unfinished \\u escape");
    const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + at_ + 4, out, 16);
    if (error != std::errc() || end != text_.data() + at_ + 4)
      return fail("\\u needs four hexadecimal digits");
    at_ += 4;
    return {};
  }

  Status escape(std::string* out) {
    const char c = peek();
    ++at_;
    if (std::string_view("\"\\/bfnrt").find(c) != std::string_view::npos && c != '\0') {
      // Names are compared after decoding, so "a" and "\u0061" count as one.
      constexpr std::string_view kFrom = "bfnrt", kTo = "\b\f\n\r\t";
      const std::size_t known = kFrom.find(c);
      if (out) *out += known == std::string_view::npos ? c : kTo[known];
      return {};
    }
    if (c != 'u') return fail("unknown escape in a string");
    unsigned code = 0;
    BELAY_TRY(unit(code));
    if (code == 0) return fail("the NUL character is refused");
    if (code >= 0xDC00 && code <= 0xDFFF) return fail("lone surrogate");
    if (code >= 0xD800 && code <= 0xDBFF) {
      unsigned low = 0;
      if (!take('\\') || !take('u')) return fail("lone surrogate");
      BELAY_TRY(unit(low));
      if (low < 0xDC00 || low > 0xDFFF) return fail("lone surrogate");
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    if (out) appendUtf8(*out, code);
    return {};
  }

  static void appendUtf8(std::string& out, unsigned code) {
    if (code < 0x80) {
      out += static_cast<char>(code);
    } else if (code < 0x800) {
      out += static_cast<char>(0xC0 | (code >> 6));
      out += static_cast<char>(0x80 | (code & 63));
    } else if (code < 0x10000) {
      out += static_cast<char>(0xE0 | (code >> 12));
      out += static_cast<char>(0x80 | ((code >> 6) & 63));
      out += static_cast<char>(0x80 | (code & 63));
    } else {
      out += static_cast<char>(0xF0 | (code >> 18));
      out += static_cast<char>(0x80 | ((code >> 12) & 63));
      out += static_cast<char>(0x80 | ((code >> 6) & 63));
      out += static_cast<char>(0x80 | (code & 63));
    }
  }

  Status string(std::string* out) {
    if (!take('"')) return fail("expected a string");
    while (true) {
      if (at_ >= text_.size()) return fail("unfinished string");
      const auto c = static_cast<unsigned char>(text_[at_]);
      if (c < 0x20) return fail("control character in a string; write it as an escape");
      ++at_;
      if (c == '"') return {};
      if (c == '\\')
        BELAY_TRY(escape(out));
      else if (out)
        *out += static_cast<char>(c);
    }
  }

  Status array(int depth) {
    ++at_;
    skipSpace();
    if (take(']')) return {};
    for (std::size_t index = 0;; ++index) {
      path_.push_back(std::to_string(index));
      skipSpace();
      BELAY_TRY(value(depth + 1));
      path_.pop_back();
      skipSpace();
      if (take(']')) return {};
      if (!take(',')) return fail("expected , or ] in an array");
    }
  }

  Status object(int depth) {
    ++at_;
    std::set<std::string, std::less<>> names;
    skipSpace();
    if (take('}')) return {};
    while (true) {
      skipSpace();
      std::string name;
      BELAY_TRY(string(&name));
      path_.push_back(pointerToken(name));
      if (!names.insert(std::move(name)).second) return fail("the name stands twice in the object");
      skipSpace();
      if (!take(':')) return fail("expected : after a name");
      skipSpace();
      BELAY_TRY(value(depth + 1));
      path_.pop_back();
      skipSpace();
      if (take('}')) return {};
      if (!take(',')) return fail("expected , or } in an object");
    }
  }

  std::string_view text_;
  const ParseLimits& limits_;
  const bool exact_;
  std::size_t at_ = 0;
  std::vector<std::string> path_;
};

Status checkWith(std::string_view text, const ParseLimits& limits, bool exact) {
  if (text.size() > limits.bytesMax) {
    return Error{ErrorCode::kLimit,
                 "JSON is larger than " + std::to_string(limits.bytesMax) + " bytes"};
  }
  if (!base::isUtf8(text)) return Error{ErrorCode::kJsonSyntax, "JSON is not valid UTF-8"};
  return Checker(text, limits, exact).run();
}

}  // namespace

Status checkStrict(std::string_view text, const ParseLimits& limits) {
  return checkWith(text, limits, false);
}

Status checkExact(std::string_view text) { return checkWith(text, {}, true); }

}  // namespace belay::json
