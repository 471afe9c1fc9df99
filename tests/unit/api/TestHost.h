#pragma once

#include <unistd.h>

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "agent/api/ApiServer.h"
#include "agent/api/Envelope.h"
#include "agent/runtime/Loop.h"
#include "agent/runtime/LoopRunner.h"
#include "agent/runtime/Runtime.h"
#include "agent/script/QuickJsEvaluator.h"
#include "agent/steps/FunctionStep.h"
#include "agent/steps/KvStep.h"
#include "agent/steps/SetStep.h"
#include "common/base/Mutex.h"
#include "common/http/Client.h"
#include "common/json/Json.h"
#include "tests/support/HeldPerformer.h"
#include "tests/support/MemoryLog.h"
#include "tests/support/MemoryOutputs.h"
#include "tests/support/TempFolder.h"

namespace belay::test {

/// Jobs whose logs a test writes. Threads: any.
class ScriptedJobs final : public jobs::JobRunner {
 public:
  void write(const base::JobId& id, jobs::LogStream stream, std::string_view text) {
    base::MutexLock lock(mutex_);
    Job& job = jobs_[id.str()];
    std::string& log = job.logs[stream];
    job.spans.push_back({1, stream, log.size(), text.size()});
    log += text;
  }
  base::Status start(const jobs::JobSpec&) override { return {}; }
  base::Result<jobs::Adoption> adopt(const base::JobId&, std::string_view) override {
    return jobs::Adoption{};
  }
  base::Status cancel(const base::JobId&, std::chrono::milliseconds) override { return {}; }
  int wakeFd() const override { return -1; }
  std::vector<base::JobId> takeEnded() override { return {}; }
  base::Result<jobs::JobOutcome> collect(const base::JobId&) override { return jobs::JobOutcome{}; }
  base::Result<base::UniqueFd> openLog(const base::JobId&, jobs::LogStream) override {
    return base::UniqueFd();
  }
  base::Result<base::UniqueFd> openFile(const base::JobId&, std::size_t) override {
    return base::UniqueFd();
  }
  base::Status remove(const base::JobId&) override { return {}; }
  base::Result<std::size_t> removeEnded(std::int64_t, std::size_t) override {
    return std::size_t{0};
  }
  base::Result<std::string> readLog(const base::JobId& id, jobs::LogStream stream,
                                    std::uint64_t offset, std::size_t bytesMax) override {
    base::MutexLock lock(mutex_);
    const Job& job = jobs_[id.str()];
    const auto found = job.logs.find(stream);
    return found == job.logs.end() || offset > found->second.size()
               ? std::string()
               : found->second.substr(offset, bytesMax);
  }
  base::Result<std::vector<jobs::LogSpan>> readLogOrder(const base::JobId& id, std::size_t skip,
                                                        std::size_t spansMax) override {
    base::MutexLock lock(mutex_);
    const auto found = jobs_.find(id.str());
    if (found == jobs_.end()) return base::Error{base::ErrorCode::kNotFound, "no job"};
    std::vector<jobs::LogSpan> out;
    for (std::size_t i = skip; i < found->second.spans.size() && out.size() < spansMax; ++i) {
      out.push_back(found->second.spans[i]);
    }
    return out;
  }

 private:
  struct Job {
    std::map<jobs::LogStream, std::string> logs;
    std::vector<jobs::LogSpan> spans;
  };
  base::Mutex mutex_;
  std::map<std::string, Job> jobs_ BELAY_GUARDED_BY(mutex_);
};

struct Answer {
  int status = 0;
  std::string text;
  api::Envelope envelope;

  bool ok() const { return !envelope.error; }
  std::string code() const {
    return envelope.error ? std::string(base::errorText(envelope.error->code)) : "";
  }
  const json::Value& data() const { return envelope.data; }
  std::string at(const std::string& pointer) const {
    const json::Value* value = envelope.data.at(pointer);
    return !value ? "(nothing)" : value->isString() ? value->asString() : json::print(*value);
  }
};

/// A host in miniature: a real journal, runtime and API, with performers that do nothing.
class TestHost {
 public:
  explicit TestHost(api::ApiOptions options = {});
  ~TestHost();

  Answer call(const std::string& method, const std::string& target, const std::string& body = {},
              const std::vector<std::pair<std::string, std::string>>& headers = {});
  Answer get(const std::string& target) { return call("GET", target); }
  Answer post(const std::string& target, const std::string& body = {}) {
    return call("POST", target, body);
  }
  /// The whole of a streamed answer.
  std::string readAll(const std::string& target);
  /// Starts a run of a flow and returns its id; waits until the run is in `status`.
  std::string startRun(const std::string& flowYaml, const std::string& status,
                       const std::string& input = "{}");
  void waitFor(const std::string& run, const std::string& status);
  /// Ends the attempt that the performer holds.
  void finish(const runtime::Attempt& attempt, const std::string& outputJson);
  std::string openWait();
  api::ApiServer& server() { return *server_; }

  TempFolder folder;
  base::PosixClock clock;
  base::OsRandom random;
  MemoryLog log;
  MemoryOutputs outputs;
  HeldPerformer performer;
  ScriptedJobs jobs;
  std::unique_ptr<vault::Vault> vault;
  std::unique_ptr<resources::ResourceStore> store;
  std::string socket;

 private:
  std::unique_ptr<journal::Journal> journal_;
  script::QuickJsEvaluator evaluator_;
  trust::Policy policy_ = trust::Policy::builtInForUser();
  std::unique_ptr<runtime::Runtime> runtime_;
  std::unique_ptr<runtime::LoopRunner> runner_;
  calendar::TimeZones zones_;
  std::unique_ptr<triggers::Scheduler> scheduler_;
  std::unique_ptr<triggers::Events> events_;
  std::unique_ptr<runtime::Loop> loop_;
  steps::SetStep set_;
  steps::KvStep kv_;
  steps::FunctionStep function_;
  crypto::P256PrivateKey key_;
  trust::DecisionKeys keys_;
  vault::ConnectionStore connections_;
  std::unique_ptr<api::ApiServer> server_;
  http::SystemResolver resolver_;
  http::Client client_{http::ClientSettings{}, clock, resolver_};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace belay::test
