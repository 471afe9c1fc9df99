#pragma once

#include <string>
#include <vector>

#include "agent/flow/Validate.h"
#include "agent/script/Program.h"
#include "agent/script/SyntaxChecker.h"
#include "common/base/Files.h"

namespace belay::test {

/// The example flows that are shipped, as paths from the root of the project.
inline std::vector<std::string> exampleFlows(std::string_view ending = ".flow.yaml") {
  std::vector<std::string> paths;
  const auto names = base::listFolder("config/templates");
  if (!names.ok()) return paths;
  for (const std::string& name : *names) {
    if (name.ends_with(ending)) paths.push_back("config/templates/" + name);
  }
  return paths;
}

/// A host that knows one zone.
inline base::Status checkTestZone(std::string_view name) {
  if (name == "UTC" || name == "Europe/Berlin") return {};
  return base::Error{base::ErrorCode::kTimeZone,
                     "there is no time zone " + std::string(name) + " on this host",
                     {"write an IANA name"}};
}

/// The checks of a real interpreter, as the CLI and the API use them.
inline flow::SyntaxCheck syntaxOf(script::SyntaxChecker& checker) {
  return {[&checker](std::string_view text) { return checker.checkExpression(text); },
          [&checker](std::string_view text) { return checker.checkFunction(text); },
          [&checker](std::string_view text) { return checker.checkCode(text); }, checkTestZone,
          [](std::string_view text) { return script::checkProgram(text); }};
}

/// What is said about a file of this text.
inline flow::Checked check(const std::string& text, flow::Format format = flow::Format::kYaml) {
  script::SyntaxChecker checker;
  return flow::checkFlow(text, "f.yaml", format, syntaxOf(checker));
}

/// "CODE LINE:COLUMN POINTER", the code without BLY-.
inline std::string placeOf(const flow::Diagnostic& diagnostic) {
  std::string code(base::errorText(diagnostic.code));
  return code.substr(code.find('-') + 1) + " " + std::to_string(diagnostic.place.line) + ":" +
         std::to_string(diagnostic.place.column) + " " + diagnostic.place.pointer;
}

}  // namespace belay::test
