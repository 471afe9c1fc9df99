#include "tests/unit/api/TestHost.h"

#include "agent/journal/Journal.h"
#include "agent/script/SyntaxChecker.h"
#include "agent/steps/RunStep.h"
#include "tests/support/SeededRandom.h"

namespace belay::test {

namespace {

flow::SyntaxCheck makeSyntaxCheck() {
  auto checker = std::make_shared<script::SyntaxChecker>();
  return {[checker](std::string_view text) { return checker->checkExpression(text); },
          [checker](std::string_view text) { return checker->checkFunction(text); },
          [checker](std::string_view text) { return checker->checkCode(text); }};
}

vault::ConnectionStore makeConnections() {
  const auto section = json::parse(R"({"team": {"type": "chat", "url": "http://127.0.0.1:1/x"}})");
  auto store = vault::ConnectionStore::parse(*section);
  BELAY_CHECK(store.ok());
  return std::move(*store);
}

}  // namespace

TestHost::TestHost(api::ApiOptions options)
    : key_(crypto::P256PrivateKey::generate(random)), connections_(makeConnections()) {
  keys_.add(key_.publicKey(), trust::DecisionClass::kLocal);
  journal::JournalOptions where;
  BELAY_CHECK(base::makeFolders(folder.at("state")).ok());
  where.path = folder.at("state/journal.db");
  auto opened = journal::Journal::open(where, clock, log);
  BELAY_CHECK(opened.ok());
  journal_ = std::move(*opened);
  std::string sealing(crypto::SealKey::kBytes, 'k');
  vault = std::move(*vault::Vault::open(folder.at("state/vault.sealed"),
                                        *crypto::SealKey::fromBytes(sealing), clock, random));
  store = std::move(*resources::ResourceStore::open(folder.at("state/resources"), clock, random));
  runner_ = std::move(*runtime::LoopRunner::create());
  runtime_ = std::make_unique<runtime::Runtime>(
      runtime::World{*journal_, evaluator_, outputs, policy_, clock, random, log, keys_},
      runtime::RuntimeSettings{});
  runtime_->steps().setPerformer(flow::Family::kRun, performer);
  runtime_->steps().setInline(flow::Family::kSet, set_);
  runtime_->steps().setInline(flow::Family::kKv, kv_);
  runtime_->steps().setInline(flow::Family::kFunction, function_);
  loop_ = std::make_unique<runtime::Loop>(*runtime_, runtime::LoopSettings{}, log,
                                          [this] { runner_->wake(); });
  scheduler_ = std::make_unique<triggers::Scheduler>(
      triggers::Scheduler::World{*runtime_, evaluator_, zones_, log, "host"});
  loop_->add(*scheduler_);
  events_ = std::make_unique<triggers::Events>(
      triggers::Events::World{*runtime_, evaluator_, *vault, policy_, log});
  socket = folder.at("belay.sock");
  options.socket = socket;
  auto server = api::ApiServer::create(
      options,
      api::ApiDeps{*loop_, clock, log, key_, keys_, *vault, connections_, *store, jobs, *scheduler_,
                   *events_, [](const base::WaitId& wait) { return "token-" + wait.str(); },
                   [](const runtime::Attempt& attempt) { return steps::jobIdOf(attempt); },
                   &makeSyntaxCheck,
                   []() -> base::Result<crypto::P256PrivateKey> {
                     SeededRandom fate(7);
                     return crypto::P256PrivateKey::generate(fate);
                   }});
  BELAY_CHECK(server.ok());
  server_ = std::move(*server);
  thread_ = std::thread(
      [this] { BELAY_CHECK(runner_->run(*loop_, [this] { return stopping_.load(); }).ok()); });
}

TestHost::~TestHost() {
  stopping_.store(true);
  runner_->wake();
  thread_.join();
  server_.reset();
}

Answer TestHost::call(const std::string& method, const std::string& target, const std::string& body,
                      const std::vector<std::pair<std::string, std::string>>& headers) {
  http::ClientRequest request;
  request.method = method;
  request.url = "http://belay" + target;
  request.unixSocket = socket;
  request.body = body;
  bool hasType = false;
  for (const auto& [name, value] : headers) {
    request.headers.add(name, value);
    hasType = hasType || name == "Content-Type";
  }
  if (!body.empty() && !hasType) request.headers.add("Content-Type", "application/json");
  http::ClientOutcome outcome = client_.send(request);
  BELAY_CHECK(outcome.ok());
  Answer answer{outcome.response().status, outcome.response().body, {}};
  auto envelope = api::parseEnvelope(answer.text);
  if (envelope) answer.envelope = std::move(*envelope);
  return answer;
}

std::string TestHost::readAll(const std::string& target) { return call("GET", target).text; }

std::string TestHost::startRun(const std::string& flowYaml, const std::string& status,
                               const std::string& input) {
  json::Value body;
  body.set("content", flowYaml).set("file", "test.flow.yaml").set("input", *json::parse(input));
  const Answer answer = post("/v1/runs", json::print(body));
  if (!answer.ok()) return answer.text;
  const std::string run = answer.at("/run/id");
  waitFor(run, status);
  return run;
}

void TestHost::waitFor(const std::string& run, const std::string& status) {
  for (int i = 0; i < 500; ++i) {
    const Answer answer = get("/v1/runs/" + run);
    if (answer.at("/run/status") == status) return;
    static_cast<void>(get("/v1/runs/" + run + "/wait?for=20ms&while=" + answer.at("/run/status")));
  }
}

void TestHost::finish(const runtime::Attempt& attempt, const std::string& outputJson) {
  runtime::StepResult result;
  result.outputJson = outputJson;
  loop_->resultSink()(attempt.run, attempt.key, std::move(result));
}

std::string TestHost::openWait() { return get("/v1/waits").at("/waits/0/id"); }

}  // namespace belay::test
