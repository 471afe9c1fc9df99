#include "agent/flow/Report.h"

#include <algorithm>
#include <tuple>

#include "common/base/Text.h"

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

}  // namespace

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
       {file_, mark.line, mark.column, node.pointer()},
       std::move(hint)});
}

void Report::error(ErrorCode code, const Node& node, std::string message, std::string hint) {
  at(Severity::kError, code, node, node.place.value, std::move(message), std::move(hint));
}

void Report::errorAtName(ErrorCode code, const Node& node, std::string message, std::string hint) {
  at(Severity::kError, code, node, node.place.key, std::move(message), std::move(hint));
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
  diagnostic.place.file = file_;
  diagnostics_.push_back(std::move(diagnostic));
}

bool Report::has(std::initializer_list<ErrorCode> codes) const {
  return std::any_of(diagnostics_.begin(), diagnostics_.end(), [&](const Diagnostic& diagnostic) {
    return std::find(codes.begin(), codes.end(), diagnostic.code) != codes.end();
  });
}

std::vector<Diagnostic> Report::take() && {
  std::stable_sort(
      diagnostics_.begin(), diagnostics_.end(), [](const Diagnostic& a, const Diagnostic& b) {
        return std::tie(a.place.line, a.place.column) < std::tie(b.place.line, b.place.column);
      });
  if (more_) {
    diagnostics_.push_back(
        {Severity::kError,
         ErrorCode::kLimit,
         "there are more problems than the " + std::to_string(kDiagnosticsMax) + " that are listed",
         {file_, 0, 0, {}},
         {}});
  }
  return std::move(diagnostics_);
}

std::string quoted(std::string_view word) {
  constexpr std::size_t kShown = 60;
  std::string out = "\"" + base::visible(word.substr(0, kShown));
  if (word.size() > kShown) out += "…";
  return out + "\"";
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
