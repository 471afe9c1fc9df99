#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/flow/Node.h"
#include "agent/flow/Validate.h"

namespace belay::flow {

/// Collects the problems of one file, up to the bound.
///
/// Threads: owner.
class Report {
 public:
  explicit Report(std::string file, Content content = Content::kNew)
      : content_(content), files_{std::move(file)} {}
  Content content() const { return content_; }
  /// A further file, whose number its places hold (yaml::Mark::file).
  int addFile(std::string name);

  /// At the value, or at its name where the name is what is wrong. A message that begins with
  /// "must" gets the name of the value put before it.
  void error(base::ErrorCode code, const Node& node, std::string message, std::string hint = {});
  void errorAtName(base::ErrorCode code, const Node& node, std::string message,
                   std::string hint = {});
  /// An error of a rule that refuses what an earlier version took: nothing is said of a content of
  /// the journal. Every such rule says its errors so, and leaves flows that can be built and whose
  /// steps at worst fail; tests/unit/runtime/StoredFlowsTest.cpp has one flow for each of them.
  void laterError(base::ErrorCode code, const Node& node, std::string message,
                  std::string hint = {});
  void warning(base::ErrorCode code, const Node& node, std::string message, std::string hint = {});
  /// About the file as a whole, where it names none.
  void add(Diagnostic diagnostic);

  /// Nothing more is taken: what is costly to find out need not be found out.
  bool full() const { return diagnostics_.size() >= kDiagnosticsMax; }
  bool hasErrors() const { return errors_; }
  /// Whether a problem with one of these codes was found.
  bool has(std::initializer_list<base::ErrorCode> codes) const;
  /// In the order of the file.
  std::vector<Diagnostic> take() &&;

 private:
  void at(Severity severity, base::ErrorCode code, const Node& node, const yaml::Mark& mark,
          std::string message, std::string hint);

  const Content content_;
  std::vector<std::string> files_;
  std::vector<Diagnostic> diagnostics_;
  bool errors_ = false;
  bool more_ = false;
};

/// What is said about a text that cannot be read; the file is to be named.
Diagnostic diagnosticOf(const base::Error& error);
/// "a, b or c".
std::string listOf(std::span<const std::string_view> words);
/// "did you mean "X"", or empty.
std::string didYouMean(std::string_view word, std::span<const std::string_view> candidates);
/// A word of the file within a message: in quotes, cut, with nothing hidden in it.
std::string quoted(std::string_view word);

}  // namespace belay::flow
