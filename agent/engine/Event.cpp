#include "agent/engine/Event.h"

#include <array>
#include <type_traits>

#include "agent/engine/Names.h"
#include "common/json/Json.h"
#include "common/json/Writer.h"

namespace belay::engine {

using base::Error;
using base::ErrorCode;
using base::Result;
using json::Value;
using json::Writer;

namespace {

// The order of EventBody; the names stand in journals on disk and never change.
constexpr std::array<std::string_view, std::variant_size_v<EventBody>> kEventNames{
    "run_created",   "step_started",  "step_finished",      "attempt_failed",
    "wait_opened",   "wait_resolved", "step_ambiguous",     "ambiguity_resolved",
    "run_paused",    "run_resumed",   "run_stop_requested", "run_cancel_requested",
    "run_finished",  "run_retried",   "block_started",      "round_started",
    "code_advanced", "run_admitted",  "step_held"};

// --- Writing. Members that hold their default are left out: a journal is mostly these rows.

void write(Writer& out, const StepKey& key) {
  out.member("step", key.path);
  if (key.visit != 1) out.member("visit", static_cast<std::int64_t>(key.visit));
  if (key.attempt != 1) out.member("attempt", static_cast<std::int64_t>(key.attempt));
}

void writeText(Writer& out, std::string_view name, const std::string& text) {
  if (!text.empty()) out.member(name, text);
}

void writeJson(Writer& out, std::string_view name, const std::string& text) {
  if (!text.empty()) out.rawMember(name, text);
}

void writeInteger(Writer& out, std::string_view name, std::int64_t value) {
  if (value != 0) out.member(name, value);
}

void write(Writer& out, const Failure& failure) {
  out.name("failure").beginObject().member("code", failure.code);
  out.member("class", flow::failureClassName(failure.kind)).member("message", failure.message);
  if (failure.nothingLeft) out.member("nothing_left", true);
  out.endObject();
}

void write(Writer& out, const RunCreated& e) {
  out.member("flow", e.slug).member("digest", e.flowDigest).member("source", e.source);
  writeJson(out, "input", e.inputJson);
  writeJson(out, "state", e.stateJson);
  writeJson(out, "trigger", e.triggerJson);
  out.member("by", e.startedBy).member("first", e.firstStep);
  writeText(out, "on_failure", e.onFailure);
  out.member("seed", static_cast<std::int64_t>(e.seed));
  if (e.lane) {
    out.name("lane").beginObject().member("key", e.lane->key);
    out.member("limit", static_cast<std::int64_t>(e.lane->limit)).endObject();
  }
  if (e.queued) out.member("queued", true);
  writeText(out, "interpreter", e.interpreter);
  writeText(out, "requester", e.requester);
  if (e.parent.run.empty()) return;
  out.name("parent").beginObject().member("run", e.parent.run.str());
  write(out, e.parent.key);
  out.endObject().member("depth", static_cast<std::int64_t>(e.depth));
}

void write(Writer& out, const StepStarted& e) {
  write(out, e.key);
  out.member("effect", flow::effectClassName(e.effect));
  writeJson(out, "rendered", e.renderedJson);
  writeText(out, "key", e.idempotencyKey);
  writeText(out, "boot", e.bootId);
  writeInteger(out, "timeout_ms", e.timeoutMs);
  writeText(out, "child", e.child.str());
  if (e.awaited) out.member("awaited", true);
}

void write(Writer& out, const StepFinished& e) {
  write(out, e.key);
  out.member("outcome", outcomeName(e.outcome));
  writeJson(out, "output", e.outputJson);
  writeText(out, "output_ref", e.outputRef);
  if (e.failure) write(out, *e.failure);
  writeJson(out, "state", e.stateJson);
  out.member("next", nextName(e.next.kind));
  writeText(out, "to", e.next.step);
  writeInteger(out, "ms", e.durationMs);
  writeJson(out, "undo", e.undoJson);
  writeText(out, "undo_ref", e.undoRef);
  writeInteger(out, "undo_timeout_ms", e.undoTimeoutMs);
  if (e.stands) out.member("stands", true);
}

void write(Writer& out, const AttemptFailed& e) {
  write(out, e.key);
  write(out, e.failure);
  writeInteger(out, "delay_ms", e.delayMs);
  if (e.stands) out.member("stands", true);
}

void write(Writer& out, const WaitOpened& e) {
  write(out, e.key);
  out.member("wait", e.wait.str()).member("kind", flow::waitKindName(e.kind));
  out.member("on_timeout", onTimeoutName(e.onTimeout));
  writeJson(out, "request", e.requestJson);
  writeText(out, "request_digest", e.requestDigest);
  writeText(out, "token_hash", e.tokenHash);
  writeText(out, "event", e.eventName);
  writeInteger(out, "expires_ms", e.expiresWallMs);
  writeInteger(out, "delay_ms", e.delayMs);
  if (e.onWallClock) out.member("wall", true);
  if (e.review) out.member("review", true);
  writeText(out, "replaces", e.replaces.str());
}

void write(Writer& out, const WaitResolved& e) {
  write(out, e.key);
  out.member("wait", e.wait.str()).member("answer", answerName(e.answer));
  writeJson(out, "body", e.bodyJson);
  writeText(out, "decision", e.decision);
  writeText(out, "by", e.by);
}

void write(Writer& out, const StepAmbiguous& e) {
  write(out, e.key);
  out.member("reason", e.reason);
}

void write(Writer& out, const AmbiguityResolved& e) {
  write(out, e.key);
  out.member("as", resolutionName(e.resolution)).member("by", e.by);
  writeText(out, "note", e.note);
}

void write(Writer& out, const RunPaused& e) { out.member("by", e.by); }
void write(Writer& out, const RunResumed& e) { out.member("by", e.by); }
void write(Writer& out, const RunStopRequested& e) {
  out.member("by", e.by);
  if (e.now) out.member("now", true);
  if (e.finalizes) out.member("finalizes", true);
}
void write(Writer& out, const RunCancelRequested& e) {
  out.member("by", e.by);
  writeText(out, "superseded_by", e.supersededBy.str());
}

void writeTexts(Writer& out, std::string_view name, const std::vector<std::string>& texts) {
  if (texts.empty()) return;
  out.name(name).beginArray();
  for (const std::string& text : texts) out.string(text);
  out.endArray();
}

void write(Writer& out, const RunFinished& e) {
  out.member("end", runEndName(e.end));
  writeJson(out, "output", e.outputJson);
  if (e.failure) write(out, *e.failure);
  writeText(out, "failed_step", e.failedStep);
  writeTexts(out, "compensated", e.compensated);
  writeTexts(out, "uncompensated", e.uncompensated);
}

void write(Writer& out, const RunRetried& e) {
  out.member("step", e.step).member("by", e.by);
  if (e.queued) out.member("queued", true);
}

void write(Writer&, const RunAdmitted&) {}

void write(Writer& out, const BlockStarted& e) {
  write(out, e.key);
  out.member("kind", blockKindName(e.kind));
  writeTexts(out, "names", e.names);
  writeTexts(out, "firsts", e.firsts);
  writeText(out, "finalize", e.finalize);
  out.member("count", static_cast<std::int64_t>(e.count));
  if (e.maxParallel != 1) out.member("max_parallel", static_cast<std::int64_t>(e.maxParallel));
  if (!e.failFast) out.member("wait_all", true);
  writeJson(out, "items", e.itemsJson);
  writeText(out, "items_ref", e.itemsRef);
}

void write(Writer& out, const StepHeld& e) {
  write(out, e.attempt);
  out.member("bucket", e.bucket);
  writeInteger(out, "delay_ms", e.delayMs);
}

void write(Writer& out, const RoundStarted& e) {
  write(out, e.key);
  out.member("round", static_cast<std::int64_t>(e.round));
  writeInteger(out, "delay_ms", e.delayMs);
}

void write(Writer& out, const CodeAdvanced& e) {
  if (!e.calls.empty()) {
    out.name("calls").beginArray();
    for (const CodeCall& call : e.calls) {
      out.beginObject();
      write(out, call.key);
      out.rawMember("call", call.definitionJson).endObject();
    }
    out.endArray();
  }
  writeTexts(out, "cancelled", e.cancelled);
  writeTexts(out, "logs", e.logs);
  writeJson(out, "state", e.stateJson);
  writeText(out, "interpreter", e.interpreter);
  if (e.more) out.member("more", true);
  if (e.failure) write(out, *e.failure);
  writeText(out, "failed_step", e.failedStep);
}

// --- Reading. A row that this program did not write is a damaged journal, and says which member is
// wrong.

/// Reads members of one row and remembers the first that is missing or wrong.
class Reader {
 public:
  explicit Reader(const Value& row) : row_(row) {}

  void text(std::string_view name, std::string& out, bool required = true) {
    const Value* value = row_.find(name);
    if (value && value->isString())
      out = value->asString();
    else if (value || required)
      bad_ = name;
  }
  void json(std::string_view name, std::string& out) {
    if (const Value* value = row_.find(name)) out = json::print(*value);
  }
  template <typename Integer>
  void integer(std::string_view name, Integer& out) {
    const Value* value = row_.find(name);
    if (!value) return;
    if (value->isInteger() && value->asInteger() >= 0)
      out = static_cast<Integer>(value->asInteger());
    else
      bad_ = name;
  }
  template <typename Enum>
  void name(std::string_view member, Enum& out, std::optional<Enum> (*from)(std::string_view)) {
    std::string word;
    text(member, word);
    if (const auto value = from(word))
      out = *value;
    else
      bad_ = member;
  }
  void texts(std::string_view name, std::vector<std::string>& out) {
    const Value* value = row_.find(name);
    if (!value) return;
    if (!value->isArray()) {
      bad_ = name;
      return;
    }
    for (const Value& text : value->asArray()) {
      if (text.isString())
        out.push_back(text.asString());
      else
        bad_ = name;
    }
  }
  void key(StepKey& out) {
    text("step", out.path);
    integer("visit", out.visit);
    integer("attempt", out.attempt);
  }
  void wait(base::WaitId& out, std::string_view name = "wait", bool required = true) {
    std::string word;
    text(name, word, required);
    if (word.empty() && !required) return;
    auto id = base::WaitId::parse(word);
    if (id)
      out = *id;
    else
      bad_ = name;
  }
  void run(std::string_view name, base::RunId& out) {
    std::string word;
    text(name, word, false);
    if (word.empty()) return;
    auto id = base::RunId::parse(word);
    if (id)
      out = *id;
    else
      bad_ = name;
  }
  void parent(ParentStep& out) {
    const Value* value = row_.find("parent");
    if (!value) return;
    Reader inner(*value);
    inner.run("run", out.run);
    inner.key(out.key);
    if (out.run.empty() || !inner.bad_.empty()) bad_ = "parent";
  }
  void lane(std::optional<Lane>& out) {
    const Value* value = row_.find("lane");
    if (!value) return;
    Reader inner(*value);
    inner.text("key", out.emplace().key);
    inner.integer("limit", out->limit);
    if (!inner.bad_.empty()) bad_ = "lane." + inner.bad_;
  }
  void failure(Failure& out) {
    const Value* value = row_.find("failure");
    if (!value) {
      bad_ = "failure";
      return;
    }
    Reader inner(*value);
    inner.text("code", out.code);
    inner.name("class", out.kind, &flow::failureClassFrom);
    inner.text("message", out.message);
    out.nothingLeft = value->flag("nothing_left");
    if (!inner.bad_.empty()) bad_ = "failure." + inner.bad_;
  }
  void failure(std::optional<Failure>& out) {
    if (row_.find("failure")) failure(out.emplace());
  }
  void calls(std::vector<CodeCall>& out) {
    const Value* list = row_.find("calls");
    if (!list) return;
    if (!list->isArray()) {
      bad_ = "calls";
      return;
    }
    for (const Value& value : list->asArray()) {
      Reader inner(value);
      CodeCall call;
      inner.key(call.key);
      inner.json("call", call.definitionJson);
      if (!inner.bad_.empty() || call.definitionJson.empty()) bad_ = "calls";
      out.push_back(std::move(call));
    }
  }
  void check(bool holds, std::string_view name) {
    if (!holds) bad_ = name;
  }
  bool flag(std::string_view name) const { return row_.flag(name); }
  const std::string& bad() const { return bad_; }

 private:
  const Value& row_;
  std::string bad_;
};

void read(Reader& in, RunCreated& e) {
  in.text("flow", e.slug);
  in.text("digest", e.flowDigest);
  in.text("source", e.source);
  in.json("input", e.inputJson);
  in.json("state", e.stateJson);
  in.json("trigger", e.triggerJson);
  in.text("by", e.startedBy);
  in.text("first", e.firstStep);
  in.text("on_failure", e.onFailure, false);
  in.integer("seed", e.seed);
  in.text("interpreter", e.interpreter, false);
  in.text("requester", e.requester, false);
  in.parent(e.parent);
  in.integer("depth", e.depth);
  in.lane(e.lane);
  e.queued = in.flag("queued");
}

void read(Reader& in, StepStarted& e) {
  in.key(e.key);
  in.name("effect", e.effect, &flow::effectClassFrom);
  in.json("rendered", e.renderedJson);
  in.text("key", e.idempotencyKey, false);
  in.text("boot", e.bootId, false);
  in.integer("timeout_ms", e.timeoutMs);
  in.run("child", e.child);
  e.awaited = in.flag("awaited");
}

void read(Reader& in, StepFinished& e) {
  in.key(e.key);
  in.name("outcome", e.outcome, &outcomeFrom);
  in.json("output", e.outputJson);
  in.text("output_ref", e.outputRef, false);
  in.failure(e.failure);
  in.json("state", e.stateJson);
  in.name("next", e.next.kind, &nextFrom);
  in.text("to", e.next.step, e.next.kind == Next::Kind::kStep);
  in.integer("ms", e.durationMs);
  in.json("undo", e.undoJson);
  in.text("undo_ref", e.undoRef, false);
  in.integer("undo_timeout_ms", e.undoTimeoutMs);
  e.stands = in.flag("stands");
}

void read(Reader& in, AttemptFailed& e) {
  in.key(e.key);
  in.failure(e.failure);
  in.integer("delay_ms", e.delayMs);
  e.stands = in.flag("stands");
}

void read(Reader& in, WaitOpened& e) {
  in.key(e.key);
  in.wait(e.wait);
  in.name("kind", e.kind, &flow::waitKindFrom);
  in.name("on_timeout", e.onTimeout, &onTimeoutFrom);
  in.json("request", e.requestJson);
  in.text("request_digest", e.requestDigest, false);
  in.text("token_hash", e.tokenHash, false);
  in.text("event", e.eventName, false);
  in.integer("expires_ms", e.expiresWallMs);
  in.integer("delay_ms", e.delayMs);
  e.onWallClock = in.flag("wall");
  e.review = in.flag("review");
  in.wait(e.replaces, "replaces", false);
}

void read(Reader& in, WaitResolved& e) {
  in.key(e.key);
  in.wait(e.wait);
  in.name("answer", e.answer, &answerFrom);
  in.json("body", e.bodyJson);
  in.text("decision", e.decision, false);
  in.text("by", e.by, false);
}

void read(Reader& in, StepAmbiguous& e) {
  in.key(e.key);
  in.text("reason", e.reason);
}

void read(Reader& in, AmbiguityResolved& e) {
  in.key(e.key);
  in.name("as", e.resolution, &resolutionFrom);
  in.text("by", e.by);
  in.text("note", e.note, false);
}

void read(Reader& in, RunPaused& e) { in.text("by", e.by); }
void read(Reader& in, RunResumed& e) { in.text("by", e.by); }
void read(Reader& in, RunStopRequested& e) {
  in.text("by", e.by);
  e.now = in.flag("now");
  e.finalizes = in.flag("finalizes");
}
void read(Reader& in, RunCancelRequested& e) {
  in.text("by", e.by);
  in.run("superseded_by", e.supersededBy);
}

void read(Reader& in, RunFinished& e) {
  in.name("end", e.end, &runEndFrom);
  in.json("output", e.outputJson);
  in.failure(e.failure);
  in.text("failed_step", e.failedStep, false);
  in.texts("compensated", e.compensated);
  in.texts("uncompensated", e.uncompensated);
}

void read(Reader& in, RunRetried& e) {
  in.text("step", e.step);
  in.text("by", e.by);
  e.queued = in.flag("queued");
}

void read(Reader&, RunAdmitted&) {}

void read(Reader& in, BlockStarted& e) {
  in.key(e.key);
  in.name("kind", e.kind, &blockKindFrom);
  in.texts("names", e.names);
  in.texts("firsts", e.firsts);
  in.text("finalize", e.finalize, false);
  in.integer("count", e.count);
  in.integer("max_parallel", e.maxParallel);
  e.failFast = !in.flag("wait_all");
  in.json("items", e.itemsJson);
  in.text("items_ref", e.itemsRef, false);
  in.check(e.kind == BlockKind::kParallel ? e.names.size() == e.count && e.firsts.size() == e.count
                                          : e.firsts.size() == 1,
           "firsts");
}

void read(Reader& in, StepHeld& e) {
  read(in, e.attempt);
  in.text("bucket", e.bucket);
  in.integer("delay_ms", e.delayMs);
}

void read(Reader& in, RoundStarted& e) {
  in.key(e.key);
  in.integer("round", e.round);
  in.integer("delay_ms", e.delayMs);
}

void read(Reader& in, CodeAdvanced& e) {
  in.calls(e.calls);
  in.texts("cancelled", e.cancelled);
  in.texts("logs", e.logs);
  in.json("state", e.stateJson);
  in.text("interpreter", e.interpreter, false);
  e.more = in.flag("more");
  in.failure(e.failure);
  in.text("failed_step", e.failedStep, false);
}

template <std::size_t Index = 0>
Result<EventBody> decodeAt(std::size_t wanted, const Value& row) {
  if constexpr (Index == std::variant_size_v<EventBody>) {
    return Error{ErrorCode::kJournalCorrupt, "unknown event"};
  } else {
    if (wanted != Index) return decodeAt<Index + 1>(wanted, row);
    std::variant_alternative_t<Index, EventBody> body;
    Reader reader(row);
    read(reader, body);
    if (!reader.bad().empty()) {
      return Error{ErrorCode::kJournalCorrupt,
                   std::string("event ") + std::string(kEventNames.at(Index)) + ": member \"" +
                       reader.bad() + "\" is missing or wrong"};
    }
    return EventBody(std::move(body));
  }
}

}  // namespace

std::string_view eventName(const EventBody& body) { return kEventNames.at(body.index()); }

std::string encodeBody(const EventBody& body) {
  std::string out;
  out.reserve(256);
  Writer writer(out);
  writer.beginObject();
  std::visit([&writer](const auto& e) { write(writer, e); }, body);
  writer.endObject();
  return out;
}

Result<EventBody> decodeBody(std::string_view name, std::string_view json) {
  const auto row = json::parse(json);
  if (!row.ok()) {
    return Error{ErrorCode::kJournalCorrupt,
                 "event " + std::string(name) + ": " + row.error().message};
  }
  for (std::size_t index = 0; index < kEventNames.size(); ++index) {
    if (kEventNames.at(index) == name) return decodeAt(index, *row);
  }
  return Error{ErrorCode::kJournalCorrupt,
               "event \"" + std::string(name) + "\" is not known to this version"};
}

}  // namespace belay::engine
