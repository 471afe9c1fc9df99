#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/flow/Flow.h"
#include "common/base/Result.h"

namespace belay::flow {

inline constexpr std::size_t kFlowBytesMax = 256u << 10;
inline constexpr std::size_t kStepsMax = 2'000;
/// At most this many problems are listed; the last one then says that there are more.
inline constexpr std::size_t kDiagnosticsMax = 100;

/// kBundle: a file with those that it includes (Bundle.h). kCode: JavaScript (CodeFile.h).
enum class Format : std::uint8_t { kYaml, kJson, kBundle, kCode };

/// kJson for names that end in .json, kCode for .js, else kYaml.
Format formatOf(std::string_view fileName);
/// "yaml", "json", "bundle", "js": as it stands in journals and exports.
std::string_view formatName(Format format);
std::optional<Format> formatNamed(std::string_view name);

enum class Severity : std::uint8_t { kError, kWarning };

/// One problem of a flow file, with all that is needed to mend it.
struct Diagnostic {
  Severity severity = Severity::kError;
  base::ErrorCode code = base::ErrorCode::kInternal;
  std::string message;  ///< What is wrong, one sentence without a final stop.
  base::SourcePlace
      place;         ///< File, line, column and JSON Pointer of the value or name that is wrong.
  std::string hint;  ///< "did you mean …", or what to write instead; may be empty.

  /// "hello.flow.yaml:3:5: error: unknown key \"rum\" in a step; did you mean \"run\"?
  /// [BLY-FLOW-UNKNOWN-KEY]"
  std::string text() const;
};

/// kStored: the journal holds it by its digest, so a version of this program has found it right.
/// Rules that are younger than it do not refuse it (Report::laterError): its runs go on.
enum class Content : std::uint8_t { kNew, kStored };

/// What a check of flows needs of others. A member that is empty checks nothing: for releases that
/// were checked before they were stored. The first three compile JavaScript without running it
/// (script::SyntaxChecker's checkExpression, checkFunction and checkCode); the next knows the time
/// zones of the host; the next loads the code of a flow (script::checkProgram); the last tells the
/// time, against which what is over draws a warning.
struct SyntaxCheck {
  using Check = std::function<base::Status(std::string_view)>;
  Check expression;
  Check function;
  Check code;
  Check zone = {};
  Check program = {};
  std::function<std::int64_t()> nowMs = {};
  Content content = Content::kNew;
};

/// What became of a file: the flow, unless there was an error; warnings do not prevent it.
struct Checked {
  std::optional<Flow> flow;
  std::vector<Diagnostic> diagnostics;  ///< In the order of the file.
};

/// Parses and validates one flow file. Never fails as a whole: what is wrong with the text, hostile
/// or not, is in the diagnostics.
///
/// Threads: any.
Checked checkFlow(std::string_view text, const std::string& fileName, Format format,
                  const SyntaxCheck& syntax = {});

/// The flow, or its first error with place and hint.
/// Errors: kYamlSyntax, kYamlRefused, kJsonSyntax and all of the area "Flows".
base::Result<Flow> parseFlow(std::string_view text, const std::string& fileName, Format format,
                             const SyntaxCheck& syntax = {});

/// The flow of a content of the journal, with the name of its format there. Errors: as above, where
/// it cannot be built.
base::Result<Flow> storedFlow(std::string_view text, const std::string& slug,
                              std::string_view format);

/// All that is wrong, or doubtful (warnings).
std::vector<Diagnostic> validateFlow(std::string_view text, const std::string& fileName,
                                     Format format, const SyntaxCheck& syntax = {});

/// Text of config/flow.schema.json: JSON Schema 2020-12 for editors, made from the tables that the
/// parser uses.
std::string flowSchemaJson();

}  // namespace belay::flow
