#include "agent/steps/ToolTrials.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "agent/trust/AsideRequest.h"
#include "agent/vault/HostKeyPins.h"
#include "common/base/Units.h"
#include "common/json/Json.h"

namespace belay::steps {

using base::Error;
using base::ErrorCode;
using base::MutexLock;
using base::Result;
using base::Status;
using json::Value;
using vault::Connection;
using vault::ConnectionPtr;
using vault::ToolConnection;

namespace {

constexpr std::size_t kAtOnceMax = 16;
/// Beyond the time to connect, which the tool bounds itself.
constexpr std::chrono::milliseconds kLeast{30'000};
constexpr std::chrono::milliseconds kBeyond{10'000};
/// In place of a flow: whose user and folder a plugin has, where jobs have some. No flow can be called so.
constexpr const char* kSlug = "connection.test";

constexpr const char* kTablesSql =
    "SELECT count(*) AS tables FROM sqlite_master WHERE type = 'table'";

const Value& fieldsOf(const Connection& connection) {
  return std::get<ToolConnection>(connection.kind).fields;
}

std::int64_t timeoutOf(const Connection& connection) {
  const auto* tool = std::get_if<ToolConnection>(&connection.kind);
  const auto given = base::parseDuration(tool ? tool->fields.text("connect_timeout") : "");
  return std::max(kLeast, given ? std::chrono::milliseconds{*given} + kBeyond : kLeast).count();
}

Value specOf(const Connection& connection) {
  Value out;
  out.set("connection", connection.name);
  return out;
}

Value asItIs(const Connection&, Value output) { return output; }

Value tablesOf(const Connection& connection, Value output) {
  const Value* rows = output.find("rows");
  const bool counted = rows && rows->isArray() && !rows->asArray().empty();
  const std::int64_t tables = counted ? rows->asArray().front().integer("tables") : 0;
  Value out;
  out.set("detail", std::get<vault::DbConnection>(connection.kind).file + " can be read: " +
                        std::to_string(tables) + (tables == 1 ? " table" : " tables"));
  return out.set("tables", tables).set("duration_ms", output.integer("duration_ms"));
}

Value pluginAnswer(const Connection& connection, Value output) {
  Value out;
  out.set("detail", "plugin " + fieldsOf(connection).text("plugin") + " did its test");
  out.set("duration_ms", output.integer("duration_ms"));
  return out.set("output", std::move(output));
}

Value keysOf(const Connection& connection, Value output) {
  std::vector<std::string> keys;
  if (const Value* list = output.find("host_keys"); list && list->isArray()) {
    for (const Value& key : list->asArray()) keys.push_back(key.asString());
  }
  return vault::judgeHostKeys(fieldsOf(connection), keys);
}

Error withoutTest(const Connection& connection) {
  return Error{ErrorCode::kInvalidArgument,
               "connection " + connection.name + " does not say what its test is",
               {"test of the connection: what `with` of a step would be, for PostgreSQL {sql: "
                "select 1, read_only: true} (docs/plugins.md)"}};
}

}  // namespace

runtime::ResultSink ToolTrials::sink(runtime::ResultSink steps) {
  return [this, steps = std::move(steps)](const base::RunId& run, const engine::StepKey& key,
                                          runtime::StepResult result) {
    const Done done = take(run);
    if (!done) return steps(run, key, std::move(result));
    if (result.ok) return done(json::parse(result.outputJson));
    const engine::Failure failure = result.failure.value_or(engine::Failure());
    done(Error{base::errorFromText(failure.code).value_or(ErrorCode::kStepFailed), failure.message});
  };
}

ToolTrials::Done ToolTrials::take(const base::RunId& run) {
  MutexLock lock(mutex_);
  const auto found = waiting_.find(run);
  if (found == waiting_.end()) return {};
  Done done = std::move(found->second);
  waiting_.erase(found);
  return done;
}

void ToolTrials::begin(runtime::Performer& performer, flow::Family family, const ConnectionPtr& one,
                       Value spec, Shown shown, Done done) {
  runtime::Attempt attempt;
  attempt.family = family;
  attempt.slug = kSlug;
  attempt.key.path = kSlug;
  attempt.key.visit = attempt.key.attempt = 1;
  attempt.effect = flow::EffectClass::kPure;
  attempt.renderedJson = json::print(spec);
  attempt.bindings[one->name] = one->name;
  attempt.timeoutMs = timeoutOf(*one);
  Done told = [one, shown = std::move(shown), done = std::move(done)](Result<Value> result) {
    if (!result) return done(std::move(result));
    done(shown(*one, std::move(*result)));
  };
  world_.onLoop([this, &performer, attempt = std::move(attempt), told = std::move(told)] {
    start(performer, attempt, told);
  });
}

void ToolTrials::start(runtime::Performer& performer, runtime::Attempt attempt, Done done) {
  attempt.idempotencyKey =
      std::to_string(world_.clock.wallMs()) + "-" + std::to_string(++begun_);
  const auto run = base::RunId::parse("test-" + attempt.idempotencyKey);
  BELAY_CHECK(run.ok());
  attempt.run = *run;
  const bool free = [&] {
    MutexLock lock(mutex_);
    return waiting_.size() < kAtOnceMax && waiting_.emplace(attempt.run, done).second;
  }();
  if (!free) return done(Error{ErrorCode::kBusy, "too many connections are being tested"});
  const Status started = startNow(performer, attempt);
  if (started.ok()) return;
  static_cast<void>(take(attempt.run));
  done(started.error());
}

Status ToolTrials::startNow(runtime::Performer& performer, const runtime::Attempt& attempt) {
  BELAY_ASSIGN(trust::RenderedEffect effect, performer.describe(attempt));
  // Nobody's flow asks, so rules that name flows do not allow it.
  const auto verdict = trust::checkAside(world_.policy, std::move(effect), "connection test",
                                         world_.clock.wallMs());
  BELAY_TRY(verdict.status());
  performer.start(attempt);
  return {};
}

void ToolTrials::addTo(ConnectionTests& tests, runtime::Performer& tools, runtime::Performer& db) {
  using flow::Family;
  const auto add = [&](Probe probe, const char* type, Family family, const char* word,
                       Value (*shown)(const Connection&, Value)) {
    tests.add(probe, type, [=, this, &tools](const ConnectionPtr& one, Done done) {
      Value spec = specOf(*one);
      spec.set("probe", word);
      begin(tools, family, one, std::move(spec), shown, std::move(done));
    });
  };
  add(Probe::kTest, "ssh", Family::kSsh, "test", &asItIs);
  add(Probe::kLearn, "ssh", Family::kSsh, "learn", &keysOf);
  add(Probe::kTest, "smtp", Family::kNotify, "test", &asItIs);
  tests.add(Probe::kTest, "db", [this, &db](const ConnectionPtr& one, Done done) {
    Value spec = specOf(*one);
    spec.set("sql", kTablesSql);
    begin(db, Family::kDb, one, std::move(spec), &tablesOf, std::move(done));
  });
  tests.add(Probe::kTest, "plugin", [this, &tools](const ConnectionPtr& one, Done done) {
    const Value& fields = fieldsOf(*one);
    const Value* test = fields.find("test");
    if (!test) return done(withoutTest(*one));
    Value spec = specOf(*one);
    spec.set("use", fields.text("plugin")).set("with", *test);
    begin(tools, Family::kPlugin, one, std::move(spec), &pluginAnswer, std::move(done));
  });
}

}  // namespace belay::steps
