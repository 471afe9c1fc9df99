#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/engine/Event.h"
#include "common/base/Result.h"
#include "common/crypto/Digest.h"
#include "common/json/Value.h"

namespace belay::runtime {

// What the answer of a wait becomes. Pure. Threads: any.

/// Coerces and checks the values of an approval's form; who rejects may leave required ones out.
/// Errors: kSchemaViolation naming the field.
base::Status checkForm(const json::Value& request, json::Value& form, bool approves);
/// Checks a callback's body against the schema of its wait, coercing it. Errors: kJsonSyntax,
/// kSchemaViolation.
base::Status checkBody(const json::Value& request, std::string& bodyJson);

/// Whether somebody gives a task back as failed: {"failed": TEXT}; the text.
std::optional<std::string> givesUp(const std::string& bodyJson);
/// `{"comment": …, "form": …, "unseen"?: [digest, …]}`
std::string decisionBody(const json::Value& form, const std::string& comment,
                         const std::vector<crypto::Digest>& unseen = {});
/// `{"name": …, "body": …, "at": …}`
std::string eventJson(std::string_view name, std::string_view bodyJson, std::int64_t atMs);

/// The output of a wait's step:
/// approval `{approved, timed_out, by, comment, form, unseen, at}`; callback and event `{body,
/// timed_out, at}`; time `{at}`.
std::string waitOutput(const engine::WaitOpened& opened, const engine::WaitResolved& resolved,
                       std::int64_t atMs);
/// Why the step fails, if this answer makes it fail.
std::optional<engine::Failure> waitFailure(const engine::WaitOpened& opened,
                                           const engine::WaitResolved& resolved, bool failOnReject);

}  // namespace belay::runtime
