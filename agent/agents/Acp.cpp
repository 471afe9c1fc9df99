#include <array>
#include <optional>
#include <utility>

#include "agent/agents/Adapter.h"
#include "agent/agents/Classify.h"
#include "agent/agents/Rules.h"
#include "common/json/Json.h"

// The Agent Client Protocol, version 1: JSON-RPC 2.0 in lines. It asks for permissions, and the
// rules answer at once. It reads and writes files itself: none of the client's own methods is
// offered.

namespace belay::agents {

using base::Error;
using base::ErrorCode;
using base::Result;
using json::Value;

namespace {

constexpr std::int64_t kProtocolVersion = 1;
constexpr std::int64_t kMethodNotFound = -32601;
constexpr std::size_t kToolCallsMax = 1000;
constexpr std::int64_t kAuthRequired = -32000;

struct StopRow {
  std::string_view reason;
  Outcome outcome;
  std::string_view what;
};

constexpr std::array<StopRow, 5> kStops{{
    {"end_turn", Outcome::kOk, ""},
    {"max_tokens", Outcome::kFailed, "its model's limit of tokens for one answer"},
    {"max_turn_requests", Outcome::kOverBudget, "its own limit of requests"},
    {"refusal", Outcome::kFailed, "the model refuses"},
    {"cancelled", Outcome::kKilled, "it was cancelled"},
}};

struct KindRow {
  std::string_view theirs;
  std::string_view ours;
};

constexpr std::array<KindRow, 7> kKinds{{{"read", "read"},
                                         {"search", "search"},
                                         {"edit", "edit"},
                                         {"delete", "edit"},
                                         {"move", "edit"},
                                         {"execute", "execute"},
                                         {"fetch", "fetch"}}};

std::string kindOf(const std::string& theirs) {
  for (const KindRow& row : kKinds) {
    if (row.theirs == theirs) return std::string(row.ours);
  }
  return "other";
}

class Acp final : public Adapter {
 public:
  explicit Acp(const DriveSpec& spec) : spec_(spec) {}

  Result<LaunchPlan> launch(const base::EnvironmentLookup& environment) override;
  bool parse(std::string_view line, std::vector<Event>& events) override;
  std::string takeInput() override { return std::exchange(pending_, {}); }
  bool inputDone() const override { return stage_ == Stage::kDone; }
  bool cancel() override;
  Verdict classify(const Ending& ending) const override;

 private:
  enum class Stage { kInitialize, kSession, kPrompt, kDone };

  void send(Value message);
  void call(const char* method, Value parameters);
  void answer(const Value& request, const char* member, Value value);
  void takeResponse(const Value& response, std::vector<Event>& events);
  void takeInitialized(const Value& result, std::vector<Event>& events);
  void takeSession(const Value& result, std::vector<Event>& events);
  void takeStop(const Value& result, std::vector<Event>& events);
  void takeError(const Value& error, std::vector<Event>& events);
  void takeRequest(const Value& request, std::vector<Event>& events);
  void takePermission(const Value& request, std::vector<Event>& events);
  void takeUpdate(const Value& update, std::vector<Event>& events);
  void takeToolCall(const Value& update, bool begins, std::vector<Event>& events);
  Value& told(const std::string& id);
  void fail(Outcome outcome, std::string why, std::vector<Event>& events);
  Action actionOf(const Value& call) const;

  const DriveSpec& spec_;
  Stage stage_ = Stage::kInitialize;
  std::int64_t calls_ = 0;
  std::string pending_;
  std::string session_;
  std::string message_;
  bool inMessage_ = false;
  std::optional<double> cost_;
  // What was told when a call began is not told again when it asks.
  std::vector<std::pair<std::string, Value>> toolCalls_;
};

void Acp::send(Value message) {
  message.set("jsonrpc", "2.0");
  pending_ += json::print(message) + "\n";
}

void Acp::call(const char* method, Value parameters) {
  Value message;
  message.set("id", ++calls_).set("method", method).set("params", std::move(parameters));
  send(std::move(message));
}

void Acp::answer(const Value& request, const char* member, Value value) {
  Value message;
  message.set("id", *request.find("id")).set(member, std::move(value));
  send(std::move(message));
}

Result<LaunchPlan> Acp::launch(const base::EnvironmentLookup&) {
  if (!spec_.outputSchema.isNull() || !spec_.model.empty()) {
    return Error{ErrorCode::kUnsupported,
                 "acp takes no output_schema and no model; give the model by args or env"};
  }
  if (!spec_.session.resume && !spec_.session.id.empty()) {
    return Error{ErrorCode::kUnsupported,
                 "acp: the agent makes the id of a new session; leave session.id out"};
  }
  LaunchPlan plan;
  plan.arguments = spec_.args;
  plan.keepInput = true;
  Value capabilities;
  capabilities.set("fs", Value().set("readTextFile", false).set("writeTextFile", false))
      .set("terminal", false);
  Value parameters;
  parameters.set("protocolVersion", kProtocolVersion)
      .set("clientCapabilities", std::move(capabilities))
      .set("clientInfo", Value().set("name", "belay").set("version", "1"));
  call("initialize", std::move(parameters));
  return plan;
}

bool Acp::cancel() {
  if (stage_ != Stage::kPrompt) return false;
  Value message;
  message.set("method", "session/cancel").set("params", Value().set("sessionId", session_));
  send(std::move(message));
  return true;
}

void Acp::fail(Outcome outcome, std::string why, std::vector<Event>& events) {
  stage_ = Stage::kDone;
  events.push_back({.kind = Event::Kind::kFinal, .text = std::move(why), .outcome = outcome});
}

bool Acp::parse(std::string_view line, std::vector<Event>& events) {
  const auto value = parseLine(line);
  if (!value) return false;
  const bool hasId = value->find("id") != nullptr;
  if (value->find("method")) {
    if (value->text("method") == "session/update") {
      if (const Value* update = value->at("/params/update")) takeUpdate(*update, events);
    } else if (hasId) {
      takeRequest(*value, events);
    }
    return true;
  }
  if (!hasId) return false;
  takeResponse(*value, events);
  return true;
}

void Acp::takeResponse(const Value& response, std::vector<Event>& events) {
  // Only the latest call of ours is ever open.
  if (stage_ == Stage::kDone || response.integer("id", -1) != calls_) return;
  if (const Value* error = response.find("error")) return takeError(*error, events);
  const Value* found = response.find("result");
  const Value result = found ? *found : Value();
  if (stage_ == Stage::kInitialize)
    takeInitialized(result, events);
  else if (stage_ == Stage::kSession)
    takeSession(result, events);
  else
    takeStop(result, events);
}

void Acp::takeInitialized(const Value& result, std::vector<Event>& events) {
  if (result.integer("protocolVersion") != kProtocolVersion) {
    return fail(Outcome::kProtocol, "it speaks another version of the protocol than 1", events);
  }
  if (const Value* info = result.find("agentInfo")) {
    events.push_back(
        {.kind = Event::Kind::kStart, .tool = info->text("name"), .text = info->text("version")});
  }
  Value parameters;
  parameters.set("cwd", spec_.cwd).set("mcpServers", json::Array{});
  stage_ = Stage::kSession;
  if (!spec_.session.resume) return call("session/new", std::move(parameters));
  parameters.set("sessionId", spec_.session.id);
  const Value* capabilities = result.find("agentCapabilities");
  if (capabilities && capabilities->at("/sessionCapabilities/resume")) {
    call("session/resume", std::move(parameters));
  } else if (capabilities && capabilities->flag("loadSession")) {
    call("session/load", std::move(parameters));
  } else {
    fail(Outcome::kSession, "it cannot go on with a session", events);
  }
}

void Acp::takeSession(const Value& result, std::vector<Event>& events) {
  session_ = spec_.session.resume ? spec_.session.id : result.text("sessionId");
  if (session_.empty()) return fail(Outcome::kProtocol, "it made a session without an id", events);
  const Value* models = result.find("models");
  events.push_back({.kind = Event::Kind::kStart,
                    .id = session_,
                    .what = models ? models->text("currentModelId") : std::string()});
  std::string text = spec_.prompt;
  if (!spec_.appendSystem.empty()) text = spec_.appendSystem + "\n\n" + text;
  Value block;
  block.set("type", "text").set("text", std::move(text));
  Value parameters;
  parameters.set("sessionId", session_).set("prompt", json::Array{std::move(block)});
  stage_ = Stage::kPrompt;
  call("session/prompt", std::move(parameters));
}

void Acp::takeStop(const Value& result, std::vector<Event>& events) {
  if (const Value* usage = result.find("usage")) {
    events.push_back(
        {.kind = Event::Kind::kUsage,
         .usage = {countIn(*usage, "inputTokens") + countIn(*usage, "cachedReadTokens"),
                   countIn(*usage, "outputTokens"), countIn(*usage, "cachedReadTokens"),
                   countIn(*usage, "thoughtTokens")},
         .cost = cost_});
  }
  const std::string reason = result.text("stopReason");
  for (const StopRow& row : kStops) {
    if (row.reason != reason) continue;
    stage_ = Stage::kDone;
    Event last{.kind = Event::Kind::kFinal,
               .text = row.outcome == Outcome::kOk ? message_ : std::string(row.what)};
    last.outcome = row.outcome;
    if (row.outcome == Outcome::kOverBudget) last.budget = "turns";
    events.push_back(std::move(last));
    return;
  }
  fail(Outcome::kProtocol, "it stopped for a reason that is not known: " + reason, events);
}

void Acp::takeError(const Value& error, std::vector<Event>& events) {
  const Value* data = error.find("data");
  std::string why = error.text("message");
  if (data && data->isString()) why += ": " + data->asString();
  if (data && data->isObject()) why += ": " + firstText(*data, {"message", "details", "error"});
  Outcome outcome = reasonOf(0, why);
  if (error.integer("code") == kAuthRequired) outcome = Outcome::kAuth;
  if (outcome == Outcome::kFailed && stage_ == Stage::kSession && spec_.session.resume)
    outcome = Outcome::kSession;
  if (outcome == Outcome::kFailed && stage_ == Stage::kInitialize) outcome = Outcome::kProtocol;
  fail(outcome, std::move(why), events);
}

Action Acp::actionOf(const Value& call) const {
  Value known = call;
  for (const auto& [id, before] : toolCalls_) {
    if (id != call.text("toolCallId")) continue;
    for (const auto& [name, value] : before.asObject()) {
      if (!known.find(name)) known.set(name, value);
    }
  }
  Action action;
  action.kind = kindOf(known.text("kind"));
  action.tool = firstText(known, {"title", "kind"});
  const Value* input = known.find("rawInput");
  if (action.kind == "execute") action.command = input ? describeInput(*input) : action.tool;
  if (input) action.path = firstText(*input, {"file_path", "filePath", "path", "absolute_path"});
  if (const Value* place = known.at("/locations/0"); action.path.empty() && place)
    action.path = place->text("path");
  return action;
}

void Acp::takePermission(const Value& request, std::vector<Event>& events) {
  const Value* call = request.at("/params/toolCall");
  const Action action = actionOf(call && call->isObject() ? *call : Value(json::Object{}));
  const std::string what = action.command.empty() ? action.path : action.command;
  events.push_back({.kind = Event::Kind::kAsk,
                    .id = call ? call->text("toolCallId") : std::string(),
                    .tool = action.tool,
                    .what = what});
  const Decision decision = decide(spec_.permissions, action, spec_.cwd);
  const Value* options = request.at("/params/options");
  std::string chosen;
  // Once, where it is offered: what fits a rule now need not fit it next time.
  for (const char* kind : {decision.allowed ? "allow_once" : "reject_once",
                           decision.allowed ? "allow_always" : "reject_always"}) {
    if (!options || !options->isArray()) break;
    for (const Value& option : options->asArray()) {
      if (chosen.empty() && option.text("kind") == kind) chosen = option.text("optionId");
    }
  }
  Value outcome;
  outcome.set("outcome", chosen.empty() ? "cancelled" : "selected");
  if (!chosen.empty()) outcome.set("optionId", chosen);
  answer(request, "result", Value().set("outcome", std::move(outcome)));
  if (!decision.allowed || chosen.empty()) {
    events.push_back({.kind = Event::Kind::kDenied,
                      .tool = action.tool,
                      .what = what,
                      .text = decision.allowed ? "it offers no way to allow it" : decision.rule});
  }
}

void Acp::takeRequest(const Value& request, std::vector<Event>& events) {
  const std::string method = request.text("method");
  if (method == "session/request_permission") return takePermission(request, events);
  Value error;
  error.set("code", kMethodNotFound)
      .set("message", "this client does not offer " + cutText(method, 100));
  answer(request, "error", std::move(error));
}

/// What is told of a call comes in pieces; the latest piece counts.
Value& Acp::told(const std::string& id) {
  for (auto& [known, call] : toolCalls_) {
    if (known == id) return call;
  }
  // Calls that never end are forgotten, the oldest first.
  if (toolCalls_.size() >= kToolCallsMax) toolCalls_.erase(toolCalls_.begin());
  return toolCalls_.emplace_back(id, Value(json::Object{})).second;
}

void Acp::takeToolCall(const Value& update, bool begins, std::vector<Event>& events) {
  const std::string id = update.text("toolCallId");
  const std::string status = update.text("status");
  Value& call = told(id);
  const Value* before = call.find("rawInput");
  const std::string whatBefore = before ? describeInput(*before) : std::string();
  for (const char* name : {"kind", "title", "rawInput", "locations"}) {
    if (const Value* member = update.find(name)) call.set(name, *member);
  }
  const Value* input = call.find("rawInput");
  const std::string what = input ? describeInput(*input) : std::string();
  if (begins) events.push_back({.kind = Event::Kind::kTurn});
  if (begins || what != whatBefore) {
    events.push_back({.kind = Event::Kind::kToolStart,
                      .id = id,
                      .tool = firstText(call, {"title", "kind"}),
                      .what = what});
  }
  if (status != "completed" && status != "failed") return;
  const Value* text = update.at("/content/0/content/text");
  events.push_back({.kind = Event::Kind::kToolEnd,
                    .id = id,
                    .text = text && text->isString() ? text->asString() : std::string(),
                    .ok = status == "completed"});
  std::erase_if(toolCalls_, [&](const auto& each) { return each.first == id; });
}

void Acp::takeUpdate(const Value& update, std::vector<Event>& events) {
  // Before the prompt it tells the story of a session that it loads.
  if (stage_ != Stage::kPrompt) return;
  const std::string what = update.text("sessionUpdate");
  const bool isMessage = what == "agent_message_chunk";
  if (isMessage || what == "agent_thought_chunk") {
    const Value* text = update.at("/content/text");
    if (!text || !text->isString()) return;
    const bool more = isMessage && inMessage_;
    if (isMessage && !more) {
      message_.clear();
      events.push_back({.kind = Event::Kind::kTurn});
    }
    inMessage_ = isMessage;
    if (isMessage) message_ += text->asString();
    events.push_back({.kind = isMessage ? Event::Kind::kText : Event::Kind::kThought,
                      .text = text->asString(),
                      .append = more || !isMessage});
    return;
  }
  if (what == "tool_call" || what == "tool_call_update") {
    inMessage_ = false;
    return takeToolCall(update, what == "tool_call", events);
  }
  if (what == "usage_update") {
    const Value* cost = update.at("/cost/amount");
    if (cost && cost->isNumber()) cost_ = cost->asNumber();
  }
  events.push_back({.kind = Event::Kind::kNote, .tool = what});
}

Verdict Acp::classify(const Ending& ending) const {
  Ending judged = ending;
  // Its last word is the answer to the prompt; how it leaves when its input ends says nothing more.
  if (judged.last && judged.last->outcome == Outcome::kOk)
    judged.exitCode = 0, judged.signal.reset();
  Verdict verdict = judgeEnding(judged);
  if (!judged.last && verdict.outcome == Outcome::kFailed && stage_ == Stage::kInitialize) {
    verdict.outcome = Outcome::kProtocol;
  }
  return verdict;
}

}  // namespace

std::unique_ptr<Adapter> makeAcp(const DriveSpec& spec) { return std::make_unique<Acp>(spec); }

}  // namespace belay::agents
