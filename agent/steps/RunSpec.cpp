#include <algorithm>
#include <utility>

#include "agent/script/TextOutput.h"
#include "agent/steps/Fields.h"
#include "agent/steps/RunStep.h"
#include "common/json/Json.h"

namespace belay::steps {

using base::Error;
using base::ErrorCode;
using base::Result;

namespace {

/// `stdin` is a text, or the text output of a step: then the whole of it, wherever it is kept.
base::Status readStdin(const json::Value& values, const Fields& fields, RunSpec& spec) {
  const json::Value* given = values.find("stdin");
  if (!given || given->isNull()) return {};
  const std::string ref = given->text("ref");
  if (ref.starts_with("res://")) {
    spec.stdinRef = ref;
    return {};
  }
  if (given->flag("truncated")) {
    return Error{ErrorCode::kInvalidArgument,
                 "stdin is an output that was cut and not kept; set persist: auto or always on the "
                 "step that made it, and a larger max_output where that dropped some of it"};
  }
  BELAY_ASSIGN(spec.stdinText, fields.text("stdin"));
  return {};
}

}  // namespace

Result<RunSpec> readRunSpec(const runtime::Attempt& attempt,
                            const settings::JobSettings& settings) {
  BELAY_ASSIGN(const json::Value values, json::parse(attempt.renderedJson));
  const Fields fields(values, attempt.key.path);
  RunSpec spec;
  BELAY_ASSIGN(spec.command, fields.texts("command"));
  BELAY_ASSIGN(spec.script, fields.text("script"));
  if (fields.has("shell")) {
    const json::Value& shell = *values.find("shell");
    if (shell.isString())
      spec.shell = {shell.asString()};
    else
      BELAY_TRY([&]() -> base::Status {
        BELAY_ASSIGN(spec.shell, fields.texts("shell"));
        return {};
      }());
  }
  BELAY_ASSIGN(spec.cwd, fields.text("cwd"));
  if (!spec.cwd.empty() && spec.cwd.front() != '/')
    return fields.wrong("cwd", "must be an absolute path");
  BELAY_ASSIGN(spec.env, fields.valuesOf("env"));
  BELAY_TRY(readStdin(values, fields, spec));
  BELAY_ASSIGN(const std::vector<std::int64_t> codes, fields.integers("ok_exit_codes"));
  for (const std::int64_t code : codes) spec.okExitCodes.push_back(static_cast<int>(code));
  if (spec.okExitCodes.empty()) spec.okExitCodes = {0};
  BELAY_ASSIGN(spec.maxOutput, fields.bytes("max_output", settings.logBytesMax));
  spec.maxOutput = std::min(spec.maxOutput, settings.logBytesMax);
  BELAY_ASSIGN(spec.callback, fields.text("callback"));
  BELAY_ASSIGN(spec.profile, fields.text("profile"));
  if (const json::Value* payload = values.find("payload")) spec.payload = json::print(*payload);
  BELAY_ASSIGN(spec.collect, fields.texts("collect"));
  return spec;
}

}  // namespace belay::steps
