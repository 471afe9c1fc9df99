#pragma once

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "common/base/Check.h"
#include "common/base/ErrorCode.h"

namespace belay::base {

/// Where in a text something is wrong. Lines and columns count from 1; 0 means unknown.
struct SourcePlace {
  std::string file;
  int line = 0;
  int column = 0;
  std::string pointer;  ///< JSON Pointer (RFC 6901) of the value, or empty.
};

/// An expected failure: what is wrong, where, and what the reader can do about it.
struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;  ///< Names the object; one sentence without a final stop.
  std::vector<std::string>
      actions;        ///< What to do next, most useful first; commands where there are some.
  SourcePlace place;  ///< Set where the error is in a text.

  Error(ErrorCode errorCode, std::string errorMessage, std::vector<std::string> nextActions = {})
      : code(errorCode), message(std::move(errorMessage)), actions(std::move(nextActions)) {}

  Error at(SourcePlace where) && {
    place = std::move(where);
    return std::move(*this);
  }
  /// Puts the larger object in front: "open settings: " + message.
  Error in(const std::string& context) && {
    message = context + ": " + message;
    return std::move(*this);
  }
};

/// Either a value or an Error; never neither, never both.
template <typename T>
class [[nodiscard]] Result {
 public:
  using Value = T;

  // Implicit on purpose: `return value;` and `return Error{…};` both read well.
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool ok() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return ok(); }

  T& value() & {
    BELAY_CHECK(ok());
    return std::get<0>(state_);
  }
  const T& value() const& {
    BELAY_CHECK(ok());
    return std::get<0>(state_);
  }
  T&& value() && {
    BELAY_CHECK(ok());
    return std::get<0>(std::move(state_));
  }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }

  const Error& error() const& {
    BELAY_CHECK(!ok());
    return std::get<1>(state_);
  }
  Error&& error() && {
    BELAY_CHECK(!ok());
    return std::get<1>(std::move(state_));
  }

 private:
  std::variant<T, Error> state_;
};

/// Success without a value, or an Error.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Error error) : error_(std::in_place_index<1>, std::move(error)) {}

  bool ok() const noexcept { return error_.index() == 0; }
  explicit operator bool() const noexcept { return ok(); }

  const Error& error() const& {
    BELAY_CHECK(!ok());
    return std::get<1>(error_);
  }
  Error&& error() && {
    BELAY_CHECK(!ok());
    return std::get<1>(std::move(error_));
  }

 private:
  std::variant<std::monostate, Error> error_;
};

}  // namespace belay::base

#define BELAY_CONCAT_INNER(a, b) a##b
#define BELAY_CONCAT(a, b) BELAY_CONCAT_INNER(a, b)

/// Returns the error of a Status (or Result) to the caller of this function.
#define BELAY_TRY(expression)                                   \
  do {                                                          \
    auto belayTried = (expression);                             \
    if (!belayTried.ok()) return std::move(belayTried).error(); \
  } while (false)

/// `BELAY_ASSIGN(auto x, makeX());` declares x from a Result, or returns its error.
#define BELAY_ASSIGN_INNER(name, declaration, expression) \
  auto name = (expression);                               \
  if (!name.ok()) return std::move(name).error();         \
  declaration = std::move(name).value()
#define BELAY_ASSIGN(declaration, expression) \
  BELAY_ASSIGN_INNER(BELAY_CONCAT(belayResult, __LINE__), declaration, expression)
