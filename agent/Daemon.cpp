#include "agent/Daemon.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <memory>
#include <thread>
#include <utility>

#include "agent/ConnectionSetup.h"
#include "agent/JobSetup.h"
#include "agent/Limits.h"
#include "agent/Machine.h"
#include "agent/Maintenance.h"
#include "agent/Parts.h"
#include "agent/VaultSetup.h"
#include "agent/agents/LockFile.h"
#include "agent/api/Accounts.h"
#include "agent/api/ApiServer.h"
#include "agent/cli/PolicyFile.h"
#include "agent/cli/SettingsChecks.h"
#include "agent/jobs/JobCgroup.h"
#include "agent/jobs/PosixJobRunner.h"
#include "agent/jobs/SyscallFilter.h"
#include "agent/journal/Journal.h"
#include "agent/journal/StateFolder.h"
#include "agent/link/Link.h"
#include "agent/link/RelayTransport.h"
#include "agent/resources/ResourceStore.h"
#include "agent/runtime/AgentLedger.h"
#include "agent/runtime/Loop.h"
#include "agent/runtime/LoopRunner.h"
#include "agent/runtime/ServiceManager.h"
#include "agent/script/QuickJsEvaluator.h"
#include "agent/settings/StateLayout.h"
#include "agent/steps/AgentStep.h"
#include "agent/steps/DbStep.h"
#include "agent/steps/FunctionStep.h"
#include "agent/steps/HttpStep.h"
#include "agent/steps/KvStep.h"
#include "agent/steps/LlmStep.h"
#include "agent/steps/NotifyStep.h"
#include "agent/steps/OAuthTokens.h"
#include "agent/steps/PolicyResolver.h"
#include "agent/steps/RunStep.h"
#include "agent/steps/SearchStep.h"
#include "agent/steps/SetStep.h"
#include "agent/steps/ToolPlans.h"
#include "agent/triggers/EmitStep.h"
#include "agent/triggers/Events.h"
#include "agent/triggers/Scheduler.h"
#include "agent/trust/Policy.h"
#include "agent/vault/ConnectionStore.h"
#include "agent/vault/HostKeys.h"
#include "agent/vault/Vault.h"
#include "agent/vault/VaultKey.h"
#include "common/base/Files.h"
#include "common/base/Text.h"
#include "common/calendar/TimeZones.h"
#include "common/crypto/Hmac.h"
#include "common/http/Client.h"
#include "common/wire/CallbackProof.h"
#include "version/Version.h"

namespace belay {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

/// The end of its terminal is one, too, unless it was started to stay (nohup).
sigset_t endingSignals() {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGTERM);
  ::sigaddset(&set, SIGINT);
  struct sigaction hangup {};
  ::sigaction(SIGHUP, nullptr, &hangup);
  if (hangup.sa_handler != SIG_IGN) ::sigaddset(&set, SIGHUP);
  return set;
}

/// Everything that a daemon consists of, in the order in which it is made.
class Daemon {
 public:
  Daemon(const cli::DaemonOptions& options, DaemonWorld world)
      : options_(options),
        world_(std::move(world)),
        serviceManager_(world_.environment, world_.clock, ::getpid()) {}
  ~Daemon();

  Status open();
  Status run();

 private:
  const std::string& state() const { return options_.paths.stateFolder; }
  settings::StateLayout layout() const { return {state()}; }

  api::ApiOptions apiOptions() const;
  Status openVault();
  Status openStores();
  Status guardMachine();
  Status openJobs();
  Status makeRuntime();
  Status makeClient();
  Status makeSteps();
  Status makeAgentStep(const settings::JobSettings& jobs);
  void makeToolStep(const settings::JobSettings& jobs);
  Status makeLink();
  Status makeApi();
  std::string callbackToken(const std::string& wait) const;
  Result<crypto::P256PrivateKey> hostKey();
  Result<crypto::P256PublicKey> hostPublicKey();
  Status watchSignals();
  void beginDrain();

  const cli::DaemonOptions& options_;
  DaemonWorld world_;
  runtime::ServiceManager serviceManager_;
  base::UniqueFd lock_;
  base::UniqueFd signals_;
  std::string callbackKey_;
  std::string urlKey_;
  std::string epoch_;
  std::optional<crypto::P256PublicKey> hostPublicKey_;  ///< The loop's.
  std::atomic<bool> hostKeyReplaced_{false};            ///< Since the loop looked.

  std::unique_ptr<trust::Policy> policy_;
  std::unique_ptr<crypto::P256PrivateKey> localKey_;
  trust::DecisionKeys decisionKeys_;
  std::unique_ptr<vault::Vault> vault_;
  std::unique_ptr<vault::ConnectionStore> connections_;
  std::unique_ptr<resources::ResourceStore> resources_;
  std::unique_ptr<jobs::PosixJobRunner> jobs_;
  std::unique_ptr<jobs::Isolation> isolation_;
  std::unique_ptr<journal::Journal> journal_;
  std::unique_ptr<steps::Outputs> outputs_;
  std::unique_ptr<script::QuickJsEvaluator> evaluator_;
  std::unique_ptr<runtime::Runtime> runtime_;
  std::unique_ptr<runtime::LoopRunner> runner_;
  calendar::TimeZones zones_;
  std::unique_ptr<triggers::Scheduler> scheduler_;
  std::unique_ptr<triggers::Events> events_;
  std::unique_ptr<triggers::EmitStep> emitStep_;
  std::unique_ptr<link::Inbox> inbox_;
  std::unique_ptr<link::LinkPart> linkPart_;
  std::unique_ptr<runtime::Loop> loop_;
  std::unique_ptr<http::SystemResolver> resolver_;
  std::unique_ptr<steps::PolicyResolver> policyResolver_;
  std::unique_ptr<http::Client> client_;
  std::unique_ptr<steps::HttpCalls> calls_;
  std::unique_ptr<steps::OAuthTokens> tokens_;
  std::unique_ptr<ConnectionSetup> trials_;
  std::unique_ptr<steps::RunStep> runStep_;
  std::unique_ptr<steps::AgentStep> agentStep_;
  std::unique_ptr<steps::ToolStep> toolStep_;
  std::unique_ptr<steps::HttpStep> httpStep_;
  std::unique_ptr<steps::DbStep> dbStep_;
  std::unique_ptr<steps::SearchStep> searchStep_;
  std::unique_ptr<steps::NotifyStep> notifyStep_;
  std::unique_ptr<steps::LlmStep> llmStep_;
  steps::SetStep setStep_;
  steps::FunctionStep functionStep_;
  steps::KvStep kvStep_;
  std::unique_ptr<Maintenance> maintenance_;
  std::unique_ptr<link::RelayTransport> relayTransport_;
  std::unique_ptr<link::Link> link_;
  std::unique_ptr<api::ApiServer> api_;
  // Last, so that no thread of theirs outlives what it uses.
  std::unique_ptr<steps::WorkerPool> requestPool_;
  std::unique_ptr<steps::WorkerPool> filePool_;

  std::thread drainer_;
  std::atomic<bool> drained_{false};
  bool draining_ = false;
};

Daemon::~Daemon() {
  if (drainer_.joinable()) drainer_.join();
  api_.reset();
}

Status Daemon::openVault() {
  BELAY_ASSIGN(vault::VaultKey::Opened opened,
               unsealVault(layout(), apiOptions(), world_, serviceManager_));
  vault_ = std::move(opened.vault);
  callbackKey_ = std::move(opened.callbackKey);
  urlKey_ = crypto::hmacSha256(callbackKey_, "resource urls").view();
  return {};
}

Status Daemon::openStores() {
  const vault::HostKeys keys(
      {layout().keys(), world_.environment("CREDENTIALS_DIRECTORY").value_or("")});
  BELAY_ASSIGN(crypto::P256PrivateKey localKey, keys.localKey());
  localKey_ = std::make_unique<crypto::P256PrivateKey>(std::move(localKey));
  decisionKeys_.add(localKey_->publicKey(), trust::DecisionClass::kLocal);
  BELAY_TRY(openVault());
  BELAY_ASSIGN(vault::ConnectionStore connections,
               vault::ConnectionStore::open(options_.settings.connections, layout().connections()));
  connections_ = std::make_unique<vault::ConnectionStore>(std::move(connections));
  BELAY_ASSIGN(resources_,
               resources::ResourceStore::open(layout().resources(), world_.clock, world_.random));
  resources_->setBytesMax(options_.settings.resources.totalBytesMax);
  outputs_ = std::make_unique<steps::Outputs>(*resources_, *vault_, world_.clock,
                                              options_.settings.limits.inlineBytes);

  journal::JournalOptions journal;
  journal.path = layout().journal();
  journal.walMaxBytes = options_.settings.journal.walMaxBytes;
  journal.reserveBytes = options_.settings.journal.reserveBytes;
  journal.cacheBytes = options_.settings.journal.cacheBytes;
  BELAY_ASSIGN(journal_, journal::Journal::open(journal, world_.clock, world_.log));
  BELAY_ASSIGN(const std::optional<std::string> epoch, journal_->meta("epoch"));
  epoch_ = epoch.value_or(base::makeToken(world_.random, 16));
  if (epoch) return {};
  BELAY_TRY(journal_->setMeta("epoch", epoch_));
  return journal_->commit();
}

/// Before anything is taken up again: a copy must not go on with what the other one does.
Status Daemon::guardMachine() {
  BELAY_TRY(runtime_->guard().checkMachine(readMachine(options_.settings.host.machineFiles)));
  return journal_->inTransaction() ? journal_->commit() : Status{};
}

Status Daemon::openJobs() {
  for (const char* folder : {"/work", "/material", "/agents", "/tools"}) BELAY_TRY(base::makeFolders(state() + folder));
  jobs::JobRunnerSettings settings;
  settings.folder = layout().jobs();
  settings.nurseryCommand = {"/proc/self/exe", "spawner", "--nursery"};
  settings.runningMax = static_cast<std::size_t>(2 * options_.settings.jobs.runningMax +
                                                 options_.settings.jobs.agentsMax);
  settings.spawnerSocket = options_.settings.jobs.spawnerSocket;
  settings.cgroupFolder = jobs::prepareCgroup(jobs::findDelegatedCgroup(), false);
  BELAY_ASSIGN(jobs_, jobs::PosixJobRunner::open(settings, world_.clock));
  BELAY_ASSIGN(isolation_, makeIsolation(options_.settings.jobs, state(), *jobs_));
  // From here on this process reads what others write, and starts no program any more.
  if (isolation_->means().seccomp && !jobs::forbidExecution())
    return base::errnoError(errno, "give up to execute programs");
  base::raiseDescriptorLimit();  // jobs have been given theirs: they come from the nursery
  return {};
}

Status Daemon::makeRuntime() {
  const settings::LimitSettings& limits = options_.settings.limits;
  script::Limits bounds;
  bounds.ticks = static_cast<std::uint64_t>(limits.expressionTicks);
  bounds.memoryBytes = limits.expressionMemoryBytes;
  bounds.stackBytes = limits.expressionStackBytes;
  bounds.outputBytes = limits.expressionOutputBytes;
  evaluator_ = std::make_unique<script::QuickJsEvaluator>(bounds);

  runtime::RuntimeSettings settings;
  settings.inlineBytesMax = limits.inlineBytes;
  settings.activeRunsMax = static_cast<std::size_t>(limits.activeRuns);
  settings.concurrentRunsMax = static_cast<std::size_t>(limits.concurrentRuns);
  settings.epoch = epoch_;
  settings.flowResourceBytes = options_.settings.resources.flowBytesMax;
  settings.code.callsMax = static_cast<std::size_t>(limits.codeCalls);
  settings.codeLimits = bounds;
  settings.codeLimits.memoryBytes = limits.codeMemoryBytes;
  settings.programBytes = std::max<std::size_t>(limits.codeMemoryBytes * 4, settings.programBytes);
  runtime_ = std::make_unique<runtime::Runtime>(
      runtime::World{*journal_, *evaluator_, *outputs_, *policy_, world_.clock, world_.random,
                     world_.log, decisionKeys_, [this] { return hostPublicKey(); }},
      settings);
  BELAY_ASSIGN(runner_, runtime::LoopRunner::create());
  loop_ = std::make_unique<runtime::Loop>(*runtime_, runtime::LoopSettings{}, world_.log,
                                          [this] { runner_->wake(); });
  scheduler_ = std::make_unique<triggers::Scheduler>(
      triggers::Scheduler::World{*runtime_, *evaluator_, zones_, world_.log, epoch_});
  loop_->add(*scheduler_);
  events_ = std::make_unique<triggers::Events>(
      triggers::Events::World{*runtime_, *evaluator_, *vault_, *policy_, world_.log});
  inbox_ = std::make_unique<link::Inbox>(link::Inbox::World{
      *events_, [this](const std::string& wait) { return callbackToken(wait); }, world_.log});
  linkPart_ = std::make_unique<link::LinkPart>(link::LinkPart::World{
      *runtime_, *inbox_, world_.log,
      [this](const std::string& wait) { return wire::routingId(callbackKey_, wait); },
      [this] {
        if (link_) link_->outboxGrew();
      }});
  loop_->add(*linkPart_);
  return {};
}

Status Daemon::makeClient() {
  requestPool_ = std::make_unique<steps::WorkerPool>(
      "request", static_cast<std::size_t>(options_.settings.http.workers), 10'000);
  filePool_ = std::make_unique<steps::WorkerPool>("files", 2, 10'000);
  resolver_ = std::make_unique<http::SystemResolver>();
  policyResolver_ = std::make_unique<steps::PolicyResolver>(*resolver_, *policy_);
  http::ClientSettings client;
  BELAY_ASSIGN(client.proxy, cli::proxyOf(options_.settings.http.proxy, options_.settings.http.noProxy,
                                     world_.environment));
  client.caFile = options_.settings.http.caFile;
  client.environment = world_.environment;
  client_ = std::make_unique<http::Client>(client, world_.clock, *policyResolver_);
  calls_ = std::make_unique<steps::HttpCalls>(*requestPool_, *client_, loop_->resultSink());
  tokens_ = std::make_unique<steps::OAuthTokens>(
      steps::OAuthTokens::World{*policy_, *vault_, world_.clock});
  trials_ = std::make_unique<ConnectionSetup>(
      *requestPool_, steps::HttpTestWorld{*client_, *policy_, *vault_, world_.clock, *tokens_},
      [this](std::function<void()> call) { loop_->call(std::move(call)); });
  return {};
}

Status Daemon::makeSteps() {
  BELAY_TRY(makeClient());
  settings::JobSettings jobs = options_.settings.jobs;
  if (jobs.workFolder.empty()) jobs.workFolder = state() + "/work";
  runStep_ = std::make_unique<steps::RunStep>(
      steps::RunStep::World{
          *jobs_, *isolation_, *outputs_, *vault_, *filePool_, world_.clock, world_.environment,
          [this](const std::string& wait) { return callbackToken(wait); }, world_.log,
          state() + "/material",
          [this](std::function<void()> call) { loop_->call(std::move(call)); },
          [this](const std::string& wait) { return linkPart_->callbackUrl(wait); },
          [this](const base::JobId& job) {
            agentStep_->takeEnded(job);
            dbStep_->takeEnded(job);
            toolStep_->takeEnded(job);
          }},
      jobs, loop_->resultSink());
  BELAY_TRY(makeAgentStep(jobs));
  makeToolStep(jobs);
  httpStep_ = std::make_unique<steps::HttpStep>(
      steps::HttpStep::World{*calls_, *outputs_, *connections_, *vault_, world_.clock, *policy_,
                             *tokens_},
      options_.settings.http);
  notifyStep_ = std::make_unique<steps::NotifyStep>(
      steps::NotifyStep::World{*calls_, *connections_, *vault_, world_.clock, *toolStep_,
                               loop_->resultSink()},
      options_.settings.http);
  llmStep_ = std::make_unique<steps::LlmStep>(
      steps::LlmStep::World{*calls_, *outputs_, *connections_, *vault_, world_.clock},
      options_.settings.http);

  dbStep_ = std::make_unique<steps::DbStep>(
      steps::DbStep::World{*jobs_, *outputs_, *connections_, world_.clock, state() + "/work"},
      options_.settings.db, trials_->tools.sink(loop_->resultSink()));
  trials_->tools.addTo(trials_->tests, *toolStep_, *dbStep_);
  searchStep_ =
      std::make_unique<steps::SearchStep>(connections_.get(), outputs_.get(), *policy_);

  runtime::Steps& steps = runtime_->steps();
  steps.setPerformer(flow::Family::kDb, *dbStep_);
  steps.setInline(flow::Family::kSearch, *searchStep_);
  steps.setPerformer(flow::Family::kRun, *runStep_);
  steps.setPerformer(flow::Family::kAgent, *agentStep_);
  steps.setPerformer(flow::Family::kSsh, *toolStep_);
  steps.setPerformer(flow::Family::kPlugin, *toolStep_);
  steps.setPerformer(flow::Family::kHttp, *httpStep_);
  steps.setPerformer(flow::Family::kNotify, *notifyStep_);
  steps.setPerformer(flow::Family::kLlm, *llmStep_);
  steps.setInline(flow::Family::kSet, setStep_);
  steps.setInline(flow::Family::kFunction, functionStep_);
  steps.setInline(flow::Family::kKv, kvStep_);
  emitStep_ = std::make_unique<triggers::EmitStep>(*events_);
  steps.setInline(flow::Family::kEmit, *emitStep_);
  return runner_->watch(jobs_->wakeFd(), [this] { runStep_->takeEnded(); });
}

Status Daemon::makeAgentStep(const settings::JobSettings& jobs) {
  agentStep_ = std::make_unique<steps::AgentStep>(
      steps::AgentStep::World{
          *runStep_, *jobs_, *outputs_, *filePool_, world_.clock, world_.log, state() + "/agents",
          [this](std::function<void()> call) { loop_->call(std::move(call)); },
          [lock = agents::lockFilePath(options_.paths.configFile)](
              const steps::AgentPlan& plan) -> Result<std::string> {
            BELAY_ASSIGN(const auto locked, agents::readLockFile(lock));
            const std::string& name = plan.hostAgent.empty() ? plan.name : plan.hostAgent;
            const auto* found = agents::findLocked(locked, name, plan.drive.binary);
            return found ? found->digest : std::string();
          },
          [this](const base::RunId& run, const std::string& use) {
            return runtime::AgentLedger(runtime_->journal()).spent(run, use);
          }},
      jobs, options_.settings.agents, loop_->resultSink());
  return {};
}

void Daemon::makeToolStep(const settings::JobSettings& jobs) {
  toolStep_ = std::make_unique<steps::ToolStep>(
      steps::ToolStep::World{
          *runStep_, *jobs_, *outputs_, *connections_, *vault_, *filePool_, world_.clock,
          world_.log, state() + "/tools",
          [this](std::function<void()> call) { loop_->call(std::move(call)); }},
      jobs,
      steps::toolPlanners(
          *connections_, jobs,
          [this](std::string_view ref) { return runtime_->journal().resource(ref); }),
      trials_->tools.sink(loop_->resultSink()));
}

std::string Daemon::callbackToken(const std::string& wait) const {
  return base::toBase64Url(crypto::hmacSha256(callbackKey_, wait).view());
}

Result<crypto::P256PrivateKey> Daemon::hostKey() {
  const vault::HostKeys keys({layout().keys(), ""});
  BELAY_TRY(keys.createHostKey(world_.random));
  return keys.hostKey();
}

/// Asked for by the loop with every request of an approval: read once.
Result<crypto::P256PublicKey> Daemon::hostPublicKey() {
  if (hostKeyReplaced_.exchange(false)) hostPublicKey_.reset();
  if (!hostPublicKey_) {
    BELAY_ASSIGN(const crypto::P256PrivateKey key, hostKey());
    hostPublicKey_ = key.publicKey();
  }
  return *hostPublicKey_;
}

Status Daemon::makeLink() {
  const settings::LinkSettings& settings = options_.settings.link;
  http::ClientSettings client;
  BELAY_ASSIGN(client.proxy, cli::proxyOf(settings.proxy, settings.noProxy, world_.environment));
  client.caFile = settings.caFile;
  client.environment = world_.environment;
  client.pins = settings.pins;
  // The relay is of the host's own settings, and no flow's: the policy has no say in its address.
  relayTransport_ = std::make_unique<link::RelayTransport>(client, world_.clock, *resolver_, world_.log);
  link::Link::World world{
      *loop_,
      *linkPart_,
      [this](const http::ClientRequest& request) { return relayTransport_->send(request); },
      [this] { return hostKey(); },
      [this]() -> Status {
        BELAY_TRY(vault::HostKeys({layout().keys(), ""}).replaceHostKey(world_.random));
        hostKeyReplaced_ = true;
        return {};
      },
      [this] { return readMachine(options_.settings.host.machineFiles); },
      &makeSyntaxCheck,
      [this](const crypto::Digest& digest, const std::function<Status(std::string_view)>& sink) {
        return resources_->stream(digest, sink);
      },
      world_.clock,
      world_.random,
      world_.log};
  const auto poll = std::chrono::duration_cast<std::chrono::seconds>(settings.poll);
  link_ = std::make_unique<link::Link>(std::move(world), poll);
  return {};
}

api::ApiOptions Daemon::apiOptions() const {
  api::ApiOptions options;
  options.socket = options_.paths.socket;
  options.operators = options_.settings.api.operators;
  options.readers = options_.settings.api.readers;
  options.rootUid = world_.system ? 0 : ::geteuid();
  options.bodyBytesMax = options_.settings.api.bodyBytesMax;
  options.connectionsMax = static_cast<std::size_t>(options_.settings.api.connectionsMax);
  return options;
}

Status Daemon::makeApi() {
  api::ApiOptions options = apiOptions();
  options.jobs = describeIsolation(*isolation_, *jobs_);
  BELAY_TRY(api::makeSocketFolder(options.folder(), options.letsOthersIn()));
  api::ApiDeps deps{*loop_,
                    world_.clock,
                    world_.log,
                    *localKey_,
                    decisionKeys_,
                    *vault_,
                    *connections_,
                    *resources_,
                    *jobs_,
                    *scheduler_,
                    *events_,
                    [this](const base::WaitId& wait) { return callbackToken(wait.str()); },
                    [](const runtime::Attempt& attempt) { return steps::jobIdOf(attempt); },
                    &makeSyntaxCheck,
                    [this] { return hostKey(); },
                    link_.get(),
                    [this] { return relayTransport_->alarm(); },
                    outputs_.get(),
                    &trials_->tests,
                    urlKey_};
  BELAY_ASSIGN(api_, api::ApiServer::create(std::move(options), std::move(deps)));
  return {};
}

Status Daemon::watchSignals() {
  const sigset_t set = endingSignals();
  signals_.reset(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_.valid()) return base::errnoError(errno, "signalfd");
  return runner_->watch(signals_.get(), [this] {
    signalfd_siginfo info{};
    [[maybe_unused]] const ssize_t got = ::read(signals_.get(), &info, sizeof info);
    beginDrain();
  });
}

Status Daemon::open() {
  BELAY_ASSIGN(lock_, journal::lockStateFolder(state()));
  // Where the socket is in it, its users have to pass.
  if (!options_.paths.socket.starts_with(state() + "/"))
    journal::closeStateFolder(state(), world_.log);
  if (!base::fileExists(layout().keys())) {
    return Error{ErrorCode::kNotInitialised, "there are no keys in " + state(), {"belay init"}};
  }
  BELAY_ASSIGN(trust::Policy policy,
               cli::readPolicy(options_.paths.configFile, options_.settings, world_.system));
  policy_ = std::make_unique<trust::Policy>(std::move(policy));
  // The spawner has the daemon's processors, not its memory; it comes before all threads.
  BELAY_TRY(limitProcessors(options_.settings.limits.cpu));
  BELAY_TRY(openJobs());
  BELAY_TRY(limitMemory(options_.settings.limits.memoryBytes));
  BELAY_TRY(openStores());
  BELAY_TRY(makeRuntime());
  BELAY_TRY(guardMachine());
  BELAY_TRY(makeSteps());
  BELAY_TRY(watchSignals());
  BELAY_TRY(runtime_->recover());
  BELAY_TRY(makeLink());
  BELAY_TRY(makeApi());
  maintenance_ = std::make_unique<Maintenance>(
      Maintenance::World{*runtime_, *resources_, *jobs_, *runStep_, *toolStep_, *agentStep_,
                         world_.clock, world_.log, state()},
      options_.settings.journal, options_.settings.resources,
      options_.settings.limits.diskBytes);
  return {};
}

void Daemon::beginDrain() {
  if (draining_) return;
  draining_ = true;
  world_.log.info("daemon.draining");
  serviceManager_.notify("STOPPING=1");
  // The loop goes on meanwhile: answers and results still have to be committed.
  drainer_ = std::thread([this] {
    const auto end = world_.clock.sinceBoot() + options_.settings.daemon.drain;
    link_->stop();
    api_->drain(options_.settings.daemon.drain);
    while (calls_->inFlight() > 0 && world_.clock.sinceBoot() < end) {
      std::this_thread::sleep_for(std::chrono::milliseconds{20});
    }
    drained_ = true;
    runner_->wake();
  });
}

Status Daemon::run() {
  serviceManager_.notify("READY=1");
  world_.log.info(
      "daemon.ready",
      {{"version", version::string()}, {"state", state()}, {"socket", options_.paths.socket}});
  runner_->onRound([this] {
    serviceManager_.feedWatchdog();
    maintenance_->round();
  });
  runner_->onIdle([this] {
    const std::int64_t upkeep = maintenance_->idle();
    const std::int64_t watchdog = serviceManager_.feedWatchdog();
    return watchdog > 0 ? std::min(upkeep, watchdog) : upkeep;
  });
  link_->start();
  BELAY_TRY(runner_->run(*loop_, [this] { return drained_.load() || !maintenance_->health(); }));
  BELAY_TRY(maintenance_->health());
  world_.log.info("daemon.stopped");
  return journal_->close();
}

}  // namespace

Status runDaemon(const cli::DaemonOptions& options, DaemonWorld world) {
  ::umask(077);
  // Blocked before the first thread, so that only the signalfd sees them.
  const sigset_t set = endingSignals();
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  Daemon daemon(options, std::move(world));
  BELAY_TRY(daemon.open());
  return daemon.run();
}

}  // namespace belay
