#include "agent/cli/Commands.h"
#include "agent/cli/Inputs.h"
#include "agent/cli/RunPages.h"
#include "common/base/Files.h"
#include "common/base/Text.h"
#include "common/json/Json.h"

// task list, show, claim, progress, attach, finish and fail.

namespace belay::cli {

using base::Error;
using base::ErrorCode;
using base::Result;
using json::Value;

namespace {

constexpr std::size_t kAttachedMax = 2u << 20;
constexpr std::string_view kTokenFile = "/token";

constexpr Flag kClaimFlags[] = {
    {"dir", 0, "DIR", "make this folder with task.json, task.md and the claim's token in it"},
    {"lease", 0, "DURATION", "how long the claim holds without being renewed"},
};
constexpr Flag kDirFlag{"dir", 0, "DIR", "the folder that `task claim --dir` made"};
constexpr Flag kProgressFlags[] = {
    kDirFlag, {"lease", 0, "DURATION", "how long the claim holds from now on"}};
constexpr Flag kAttachFlags[] = {kDirFlag, {"name", 0, "NAME", "its name; that of the file"}};
constexpr Flag kFinishFlags[] = {
    kDirFlag,
    {"result", 0, "JSON", "the result (null)"},
    {"result-file", 0, "FILE", "the same from a file; \"-\" is standard input"},
};
constexpr Flag kFailFlags[] = {kDirFlag};

/// The token comes from the folder or the environment: what stands in argv is there for all to read.
Result<std::string> tokenOf(const Invocation& invocation) {
  if (invocation.has("dir")) {
    BELAY_ASSIGN(const std::string text,
                 base::readFile(invocation.flag("dir") + std::string(kTokenFile), 256));
    return std::string(base::trim(text));
  }
  const auto token = invocation.world().environment("BELAY_TASK_TOKEN");
  if (token && !token->empty()) return *token;
  return Error{ErrorCode::kUsage, "give --dir, or the token of the claim as BELAY_TASK_TOKEN",
               {"belay task claim " + invocation.argument(0) + " --dir DIR"}};
}

Result<api::Envelope> tell(Invocation& invocation, const char* verb, Value body) {
  BELAY_ASSIGN(const std::string token, tokenOf(invocation));
  if (invocation.has("lease")) body.set("lease", invocation.flag("lease"));
  return invocation.post(pathOf("/v1/tasks", invocation.argument(0), std::string("/") + verb),
                         body.set("token", token));
}

base::Status writeFolder(const std::string& folder, const Value& data) {
  const Value* task = data.find("task");
  if (!task) return Error{ErrorCode::kHttpProtocol, "the daemon sent no task"};
  BELAY_TRY(base::makeFolders(folder));
  BELAY_TRY(base::writeFileDurably(folder + std::string(kTokenFile), data.text("token") + "\n"));
  BELAY_TRY(base::writeFileDurably(folder + "/task.json", json::printPretty(*task) + "\n"));
  return base::writeFileDurably(folder + "/task.md", task->text("task") + "\n");
}

Result<api::Envelope> list(Invocation& invocation) { return invocation.get("/v1/tasks"); }

Result<api::Envelope> show(Invocation& invocation) {
  return invocation.get(pathOf("/v1/tasks", invocation.argument(0)));
}

Result<api::Envelope> claim(Invocation& invocation) {
  Value body(json::Object{});
  if (invocation.has("lease")) body.set("lease", invocation.flag("lease"));
  BELAY_ASSIGN(api::Envelope out,
               invocation.post(pathOf("/v1/tasks", invocation.argument(0), "/claim"), body));
  if (!invocation.has("dir")) return out;
  BELAY_TRY(writeFolder(invocation.flag("dir"), out.data));
  out.data.erase("token");
  return out;
}

Result<api::Envelope> progress(Invocation& invocation) {
  Value body;
  body.set("text", invocation.positional(1).value_or(""));
  return tell(invocation, "progress", std::move(body));
}

Result<api::Envelope> attach(Invocation& invocation) {
  const std::string file = invocation.argument(1);
  BELAY_ASSIGN(const std::string content, readText(invocation, file, kAttachedMax));
  const std::string name =
      invocation.has("name") ? invocation.flag("name") : file.substr(file.rfind('/') + 1);
  Value body;
  body.set("name", name).set("content", base::toBase64(content));
  return tell(invocation, "attach", std::move(body));
}

Result<api::Envelope> finish(Invocation& invocation) {
  BELAY_ASSIGN(Value result, readJsonFlag(invocation, "result"));
  Value body;
  body.set("result", std::move(result));
  return tell(invocation, "finish", std::move(body));
}

Result<api::Envelope> fail(Invocation& invocation) {
  Value body;
  body.set("message", invocation.argument(1));
  return tell(invocation, "fail", std::move(body));
}

std::string printList(const Invocation& invocation, const Value& data) {
  const Value* tasks = data.find("tasks");
  if (!tasks || !tasks->isArray()) return "";
  if (tasks->asArray().empty()) {
    invocation.note("there is no task");
    return "";
  }
  Table table({"TASK", "FLOW", "STEP", "OPENED", "CLAIMED BY", "TITLE"});
  for (const Value& task : tasks->asArray()) {
    table.row({task.text("id"), task.text("flow"), task.text("step"),
               relative(task.text("opened_at"), invocation.nowMs()), task.text("claimed_by"),
               task.text("title")});
  }
  return table.print(invocation.style());
}

std::string printTask(const Invocation& invocation, const Value& data) {
  const Value* task = data.find("task");
  if (!task) return "";
  std::string out = invocation.style().bold(task->text("id")) + " of run " + task->text("run") +
                    ", step " + shown(task->text("step")) + "\n" + shown(task->text("title")) + "\n";
  if (!task->text("claimed_by").empty())
    out += "claimed by " + shown(task->text("claimed_by")) + " until " +
           task->text("claimed_until") + "\n";
  if (!task->text("progress").empty()) out += shown(task->text("progress")) + "\n";
  if (!data.text("token").empty()) out += "BELAY_TASK_TOKEN=" + data.text("token") + "\n";
  if (!task->text("task").empty()) out += "\n" + base::visible(task->text("task"), true) + "\n";
  return out;
}

}  // namespace

const Command kTaskListCommand{
    "task list", "", "list the tasks that wait for a coding agent",
    "Tasks are waits with `handoff`. Reads the journal itself when no daemon runs.", {}, &list,
    &printList};

const Command kTaskShowCommand{
    "task show", "TASK", "show a task", "", {}, &show, &printTask, Completes::kWait};

const Command kTaskClaimCommand{
    "task claim",
    "TASK",
    "claim a task, and get what it is about",
    "The claim holds for its lease, and is renewed by `task progress`. A claim that was let lapse "
    "can be taken by others; until then its token is good.\n"
    "With --dir the folder has task.json (all of the task), task.md (what is to be done) and token; "
    "the other commands take it from there with --dir, else from BELAY_TASK_TOKEN.",
    kClaimFlags,
    &claim,
    &printTask,
    Completes::kWait};

const Command kTaskProgressCommand{"task progress",
                                   "TASK [TEXT]",
                                   "say how far a task is, and renew its claim",
                                   "",
                                   kProgressFlags,
                                   &progress,
                                   &printTask,
                                   Completes::kWait};

const Command kTaskAttachCommand{"task attach",
                                 "TASK FILE",
                                 "keep a file as a resource of a task",
                                 "At most 2 MiB. It stands in `attachments` of the result, where that "
                                 "has no schema.",
                                 kAttachFlags,
                                 &attach,
                                 &printTask,
                                 Completes::kWait};

const Command kTaskFinishCommand{"task finish",
                                 "TASK",
                                 "give the result of a task; its run goes on",
                                 "A result that does not fit the schema of the task leaves it open.",
                                 kFinishFlags,
                                 &finish,
                                 &printTask,
                                 Completes::kWait};

const Command kTaskFailCommand{"task fail",
                               "TASK MESSAGE",
                               "give a task back as failed; its step fails",
                               "",
                               kFailFlags,
                               &fail,
                               &printTask,
                               Completes::kWait};

}  // namespace belay::cli
