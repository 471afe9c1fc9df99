// Tasks: waits with handoff, which a person's own coding agent claims and finishes. A claim is a
// lease: whoever has its token may finish, until somebody else has claimed what was let lapse.

#include <algorithm>
#include <utility>

#include "agent/api/Routes.h"
#include "common/base/Text.h"
#include "common/base/Units.h"
#include "common/crypto/Sha256.h"
#include "common/json/Json.h"

namespace belay::api {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using base::WaitId;
using json::Value;

namespace {

// No name of a space that a flow could write.
constexpr std::string_view kSpace = "~tasks";
constexpr std::size_t kTasksMost = 1000;
constexpr std::size_t kAttachmentsMost = 64;
constexpr std::string_view kLease = "30m";

/// A wait that is a task, with what is known of its claim.
struct Task {
  journal::WaitRow row;
  Value request;
  Value claim{json::Object{}};  ///< by, token, until_ms, progress, attachments.
};

Result<Task> taskOf(journal::Journal& journal, journal::WaitRow row) {
  Task task;
  BELAY_ASSIGN(task.request, json::parse(row.requestJson.empty() ? "{}" : row.requestJson));
  BELAY_ASSIGN(const auto claim, journal.kv(kSpace, row.id.str(), 0));
  if (claim) {
    BELAY_ASSIGN(task.claim, json::parse(claim->valueJson));
  }
  task.row = std::move(row);
  return task;
}

bool isLeased(const Task& task, std::int64_t nowMs) {
  return !task.claim.text("token").empty() && task.claim.integer("until_ms") > nowMs;
}

Value taskToJson(const Task& task, std::int64_t nowMs, bool full) {
  Value out = waitToJson(task.row, false);
  for (const char* name : {"kind", "request_digest"}) out.erase(name);
  out.set("title", task.request.text("title"));
  if (isLeased(task, nowMs)) {
    out.set("claimed_by", task.claim.text("by"));
    out.set("claimed_until", base::formatInstant(task.claim.integer("until_ms")));
  }
  for (const char* name : {"progress", "attachments"}) {
    if (const Value* value = task.claim.find(name)) out.set(name, *value);
  }
  if (!full) return out;
  for (const char* name : {"task", "context", "schema"}) {
    if (const Value* value = task.request.find(name)) out.set(name, *value);
  }
  return out;
}

Result<Task> openTask(journal::Journal& journal, std::string_view text) {
  BELAY_ASSIGN(const WaitId id, findWait(journal, text));
  BELAY_ASSIGN(std::optional<journal::WaitRow> row, journal.wait(id));
  const bool open = row && row->status == journal::WaitStatus::kOpen;
  if (!open) {
    return Error{ErrorCode::kWaitClosed, "task " + id.str() + " is no longer open",
                 {"belay task list"}};
  }
  BELAY_ASSIGN(Task task, taskOf(journal, std::move(*row)));
  if (task.request.flag("handoff")) return task;
  return Error{ErrorCode::kWaitKind, "wait " + id.str() + " is no task", {"belay task list"}};
}

Status keep(runtime::Runtime& runtime, const Task& task, std::int64_t nowMs) {
  journal::KvRow row;
  row.space = kSpace;
  row.key = task.row.id.str();
  row.valueJson = json::print(task.claim);
  row.updatedMs = nowMs;
  return runtime.journal().putKv(row);
}

/// Begins or renews a lease.
Status lease(Task& task, const Value& body, std::int64_t nowMs) {
  BELAY_ASSIGN(std::string length, textMember(body, "lease"));
  if (length.empty()) length = task.request.text("lease", kLease);
  BELAY_ASSIGN(const std::chrono::milliseconds parsed, base::parseDuration(length));
  task.claim.set("until_ms", nowMs + parsed.count());
  return {};
}

/// Another one for each claim, which whoever had an earlier one cannot guess.
std::string nextToken(const Backend& backend, Task& task) {
  const std::int64_t claims = task.claim.integer("claims") + 1;
  task.claim.set("claims", claims);
  return crypto::sha256(backend.deps.callbackToken(task.row.id) + ":" + std::to_string(claims))
      .hex();
}

Status claimTask(Task& task, const Value& body, const std::string& by, const std::string& token,
                 std::int64_t nowMs) {
  if (isLeased(task, nowMs)) {
    return Error{ErrorCode::kConflict,
                 "task " + task.row.id.str() + " is claimed by " + task.claim.text("by") +
                     " until " + base::formatInstant(task.claim.integer("until_ms")),
                 {"belay task list"}};
  }
  task.claim.set("by", by).set("token", token);
  return lease(task, body, nowMs);
}

Status checkClaim(const Task& task, const Value& body) {
  BELAY_ASSIGN(const std::string token, textMember(body, "token", true));
  const std::string known = task.claim.text("token");
  if (!known.empty() && base::equalsInConstantTime(token, known)) return {};
  return Error{ErrorCode::kCallbackToken,
               "the token is not that of the present claim of task " + task.row.id.str(),
               {"belay task claim " + task.row.id.str()}};
}

Status attach(runtime::Runtime& runtime, runtime::LargeOutputs* outputs, Task& task,
              const Value& body) {
  if (!outputs) return Error{ErrorCode::kUnsupported, "nothing can be attached here"};
  BELAY_ASSIGN(const std::string name, textMember(body, "name", true));
  BELAY_ASSIGN(const std::string encoded, textMember(body, "content", true));
  const auto content = base::fromBase64(encoded);
  if (!content) return Error{ErrorCode::kInvalidArgument, "\"content\" must be base64"};
  Value list{json::Array{}};
  if (const Value* before = task.claim.find("attachments")) list = *before;
  if (list.asArray().size() >= kAttachmentsMost)
    return Error{ErrorCode::kLimit, "a task has at most 64 attachments"};
  BELAY_ASSIGN(journal::ResourceRow row, outputs->store(*content, "application/octet-stream", name));
  row.run = task.row.run;
  row.step = task.row.step;
  BELAY_TRY(runtime.journal().addResource(row));
  Value shown;
  shown.set("name", name).set("ref", row.ref).set("digest", row.digest);
  shown.set("size", row.size).set("media_type", row.mediaType);
  list.push(std::move(shown));
  task.claim.set("attachments", std::move(list));
  return {};
}

/// The body of the wait: what the schema is about is `result`'s own.
Result<std::string> answerOf(const Task& task, const Value& body, bool failed) {
  Value answer;
  if (failed) {
    BELAY_ASSIGN(const std::string message, textMember(body, "message", true));
    return json::print(answer.set("failed", message));
  }
  const Value* result = body.find("result");
  const Value* attachments = task.claim.find("attachments");
  if (!attachments || (result && !result->isObject() && !result->isNull()))
    return json::print(result ? *result : Value());
  if (result && result->isObject()) answer = *result;
  if (!task.request.find("schema")) answer.set("attachments", *attachments);
  return json::print(answer);
}

Result<Changed> change(Backend& backend, runtime::Runtime& runtime, const Exchange& exchange,
                       const Value& body) {
  const std::string& verb = exchange.param("verb");
  const std::int64_t nowMs = backend.deps.clock.wallMs();
  const std::string by = exchange.caller().shown();
  BELAY_ASSIGN(Task task, openTask(runtime.journal(), exchange.param("task")));
  Changed changed;
  if (verb == "claim") {
    const std::string token = nextToken(backend, task);
    BELAY_TRY(claimTask(task, body, by, token, nowMs));
    BELAY_TRY(keep(runtime, task, nowMs));
    changed.data.set("task", taskToJson(task, nowMs, true)).set("token", token);
    return changed;
  }
  BELAY_TRY(checkClaim(task, body));
  if (verb == "finish" || verb == "fail") {
    BELAY_ASSIGN(const std::string answer, answerOf(task, body, verb == "fail"));
    BELAY_TRY(runtime.waits().answerCallback(task.row.id, answer, by));
    BELAY_TRY(runtime.journal().removeKv(kSpace, task.row.id.str()));
    changed.data.set("task", taskToJson(task, nowMs, false));
    return changed;
  }
  if (verb == "progress") {
    BELAY_ASSIGN(const std::string text, textMember(body, "text"));
    task.claim.set("progress", text);
    BELAY_TRY(lease(task, body, nowMs));
  } else if (verb == "attach") {
    BELAY_TRY(attach(runtime, backend.deps.outputs, task, body));
  } else {
    return Error{ErrorCode::kHttpRoute, "a task knows claim, progress, attach, finish and fail"};
  }
  BELAY_TRY(keep(runtime, task, nowMs));
  changed.data.set("task", taskToJson(task, nowMs, false));
  return changed;
}

}  // namespace

Result<Value> readTasks(ReadContext& context, const ReadArguments&) {
  journal::WaitFilter filter;
  filter.openOnly = true;
  filter.kind = flow::WaitKind::kCallback;
  filter.most = kTasksMost;
  BELAY_ASSIGN(const std::vector<journal::WaitRow> rows, context.journal.waits(filter));
  json::Array tasks;
  for (const journal::WaitRow& row : rows) {
    BELAY_ASSIGN(const Task task, taskOf(context.journal, row));
    if (task.request.flag("handoff")) tasks.push_back(taskToJson(task, context.nowMs, false));
  }
  Value out;
  return std::move(out.set("tasks", std::move(tasks)));
}

Result<Value> readTask(ReadContext& context, const ReadArguments& arguments) {
  BELAY_ASSIGN(const Task task, openTask(context.journal, arguments.param("task")));
  Value out;
  return std::move(out.set("task", taskToJson(task, context.nowMs, true)));
}

void changeTask(Backend& backend, const ExchangePtr& exchange) {
  const auto body = exchange->bodyObject();
  if (!body) return exchange->fail(body.error());
  const Status known =
      checkMembers(*body, "token lease text name content result message");
  if (!known) return exchange->fail(known.error());
  // The end of a task is the answer to a wait.
  const std::string verb = exchange->param("verb");
  const bool whenFull = verb == "finish" || verb == "fail";
  backend.change(
      exchange, whenFull,
      [&backend, exchange, body = *body](runtime::Runtime& runtime) -> Result<Changed> {
        return change(backend, runtime, *exchange, body);
      });
}

}  // namespace belay::api
