#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/redaction/SecretValue.h"

namespace belay::redaction {

/// Replaces secret values in texts by ***NAME***: the second line of defence, behind keeping them
/// out of texts in the first place.
///
/// A value is found as it is, in base64 (both alphabets, at any of the three offsets), in hex, with
/// URL, JSON and XML escapes, and line by line when it has several lines. Values under kShortest
/// bytes are not looked for: they would hide too much. Encodings that wrap lines are not seen.
///
/// Threads: owner while add() is called; then any.
class Redactor {
 public:
  static constexpr std::size_t kShortest = 6;

  Redactor() = default;
  Redactor(const Redactor&) = delete;
  Redactor& operator=(const Redactor&) = delete;

  /// False when the value is too short to be looked for.
  bool add(std::string_view name, const SecretValue& value);
  static bool canFind(const SecretValue& value);

  std::string redact(std::string_view text) const;
  bool contains(std::string_view text) const;
  /// Masks by as many bytes as there were, so that nothing moves: ***NAME*** where that fits, and
  /// stars. Of what begins at `until` or later only what lies over something before it. Returns how
  /// many places there were.
  std::size_t overwrite(std::span<char> text, std::size_t until) const;
  /// Bytes of the longest form.
  std::size_t longest() const { return longest_; }
  bool empty() const { return forms_.empty(); }

 private:
  friend class RedactingStream;
  struct Form {
    SecretValue text;
    std::size_t mask = 0;  ///< Index into masks_.
  };

  static constexpr std::size_t kWindowMax = 12;

  void insert(std::string_view text, std::size_t mask);
  void noteShifts(std::string_view form);
  void noteBeginning(std::string_view form);
  /// Whether a form begins with all of `text`, and goes on.
  bool isBeginning(std::string_view text) const;
  /// The first place from which on all of the rest may be the beginning of a form; the size of the
  /// text when there is none.
  std::size_t openEnd(std::string_view text) const;
  /// The first place from `at` on, before `until`, where a form may begin; `until` when none can.
  std::size_t candidate(std::string_view text, std::size_t at, std::size_t until) const;
  const Form* longestAt(std::string_view text, std::size_t at) const;
  /// Appends text[covered, until) to `out`, masked. `covered` is where a mask ends that was written
  /// before; returns where the last one ends now, at least `until`.
  std::size_t replace(std::string_view text, std::size_t until, std::size_t covered,
                      std::string& out) const;

  std::unordered_map<std::uint32_t, std::vector<Form>> forms_;  ///< By first bytes; longest first.
  std::vector<std::string> masks_;
  /// Wu and Manber: by the hash of the last four bytes of a window, how far the next place is at
  /// which a form can begin. Most text is passed over in steps of almost a window.
  std::vector<std::uint8_t> shifts_;
  std::vector<bool> beginnings_;  ///< By the hash of the first one to four bytes of a form.
  std::size_t window_ = 0;  ///< Bytes: those of the shortest form, and at most kWindowMax.
  std::size_t longest_ = 0;
};

/// Redacts a text that comes in pieces, also where a secret lies across them.
///
/// Threads: owner.
class RedactingStream {
 public:
  /// Sharers: the vault, and streams that began before the secrets changed.
  explicit RedactingStream(std::shared_ptr<const Redactor> redactor)
      : redactor_(std::move(redactor)) {}
  ~RedactingStream();
  RedactingStream(const RedactingStream&) = delete;
  RedactingStream& operator=(const RedactingStream&) = delete;

  /// What can be given out by now; what may be the beginning of a form is held back.
  std::string push(std::string_view piece);
  /// For a stream that is quiet, so that a prompt is seen whose end happens to be how a secret
  /// begins: gives out what is held where it is less than kShortest bytes. If it was a secret after
  /// all, no more of it follows.
  std::string release();
  /// All that is left.
  std::string finish();
  /// Bytes that were neither given out nor masked.
  std::size_t held() const { return held_.size() - std::min(covered_, held_.size()); }

 private:
  std::shared_ptr<const Redactor> redactor_;
  std::string held_;
  std::size_t covered_ = 0;  ///< Bytes at the front of held_ that are given out, or their mask.
};

}  // namespace belay::redaction
