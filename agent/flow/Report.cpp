#include "agent/flow/Report.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "common/base/Text.h"
#include "common/base/Utf8.h"

namespace belay::flow {

using base::ErrorCode;

namespace {

/// What a message is about that begins with its verb: "timeout", "item 2 of command", "the file".
std::string subject(const Node& node) {
  if (!node.above) return "the file";
  if (!node.above->value.isArray()) return base::visible(node.name.substr(0, 60));
  const std::string_view list = node.above->name;
  return "item " + std::to_string(node.index + 1) +
         (list.empty() ? "" : " of " + std::string(list));
}

/// Without "YAML at line 3, column 5: ", which a diagnostic says in its own way.
std::string withoutPlace(const std::string& message) {
  const bool placed = message.starts_with("YAML at line ") || message.starts_with("JSON at line ");
  return placed ? message.substr(message.find(": ") + 2) : message;
}

}  // namespace

Diagnostic diagnosticOf(const base::Error& error) {
  Diagnostic diagnostic;
  diagnostic.code = error.code;
  diagnostic.message = withoutPlace(error.message);
  diagnostic.place = error.place;
  if (!error.actions.empty()) diagnostic.hint = error.actions.front();
  return diagnostic;
}

void Report::at(Severity severity, ErrorCode code, const Node& node, const yaml::Mark& mark,
                std::string message, std::string hint) {
  if (full()) {
    more_ = true;
    errors_ |= severity == Severity::kError;
    return;
  }
  if (message.starts_with("must ")) message = subject(node) + " " + message;
  add({severity,
       code,
       std::move(message),
       {files_.at(static_cast<std::size_t>(mark.file)), mark.line, mark.column, node.pointer()},
       std::move(hint)});
}

int Report::addFile(std::string name) {
  files_.push_back(std::move(name));
  return static_cast<int>(files_.size()) - 1;
}

void Report::error(ErrorCode code, const Node& node, std::string message, std::string hint) {
  at(Severity::kError, code, node, node.place.value, std::move(message), std::move(hint));
}

void Report::errorAtName(ErrorCode code, const Node& node, std::string message, std::string hint) {
  at(Severity::kError, code, node, node.place.key, std::move(message), std::move(hint));
}

void Report::laterError(ErrorCode code, const Node& node, std::string message, std::string hint) {
  if (content_ == Content::kNew) error(code, node, std::move(message), std::move(hint));
}

void Report::warning(ErrorCode code, const Node& node, std::string message, std::string hint) {
  at(Severity::kWarning, code, node, node.place.value, std::move(message), std::move(hint));
}

void Report::add(Diagnostic diagnostic) {
  errors_ |= diagnostic.severity == Severity::kError;
  if (full()) {
    more_ = true;
    return;
  }
  if (diagnostic.place.file.empty()) diagnostic.place.file = files_.front();
  diagnostics_.push_back(std::move(diagnostic));
}

bool Report::has(std::initializer_list<ErrorCode> codes) const {
  return std::any_of(diagnostics_.begin(), diagnostics_.end(), [&](const Diagnostic& diagnostic) {
    return std::find(codes.begin(), codes.end(), diagnostic.code) != codes.end();
  });
}

std::vector<Diagnostic> Report::take() && {
  const auto number = [this](const Diagnostic& diagnostic) {
    return std::find(files_.begin(), files_.end(), diagnostic.place.file) - files_.begin();
  };
  std::stable_sort(diagnostics_.begin(), diagnostics_.end(),
                   [&number](const Diagnostic& a, const Diagnostic& b) {
                     return std::tuple(number(a), a.place.line, a.place.column) <
                            std::tuple(number(b), b.place.line, b.place.column);
                   });
  if (more_) {
    diagnostics_.push_back(
        {Severity::kError,
         ErrorCode::kLimit,
         "there are more problems than the " + std::to_string(kDiagnosticsMax) + " that are listed",
         {files_.front(), 0, 0, {}},
         {}});
  }
  return std::move(diagnostics_);
}

std::string quoted(std::string_view word) {
  constexpr std::size_t kShown = 60;
  return "\"" + base::visible(base::shortened(word, kShown)) + "\"";
}

std::string listOf(std::span<const std::string_view> words) {
  std::string out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) out += i + 1 == words.size() ? " or " : ", ";
    out += words[i];
  }
  return out;
}

std::string didYouMean(std::string_view word, std::span<const std::string_view> candidates) {
  const auto near = base::nearest(word, candidates);
  return near ? "did you mean \"" + *near + "\"?" : "";
}

std::string Diagnostic::text() const {
  std::string out = place.file;
  if (place.line > 0) out += ":" + std::to_string(place.line) + ":" + std::to_string(place.column);
  out += severity == Severity::kError ? ": error: " : ": warning: ";
  out += message;
  if (!hint.empty()) out += "; " + hint;
  return out + " [" + std::string(base::errorText(code)) + "]";
}

}  // namespace belay::flow
