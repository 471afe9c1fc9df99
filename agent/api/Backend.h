#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "agent/api/ApiServer.h"
#include "agent/api/Deadlines.h"
#include "agent/api/Exchange.h"
#include "agent/api/Reads.h"
#include "agent/api/Subscriptions.h"
#include "agent/api/Workers.h"

namespace belay::api {

/// What a change gives back: data, and the run whose row (as committed) joins them as `run`.
struct Changed {
  json::Value data{};
  std::optional<base::RunId> run{};
  std::optional<base::Error> refusal{};  ///< Set: nothing was changed, for this reason.
};

/// Tells callers that belong to a job. One that asks again and again is looked up once a second.
///
/// Threads: the server's.
class JobCallers {
 public:
  explicit JobCallers(const base::Clock& clock) : clock_(clock) {}
  bool has(const http::Peer& peer);

 private:
  const base::Clock& clock_;
  pid_t pid_ = 0;  // Who was looked up last.
  bool belongs_ = false;
  std::chrono::milliseconds until_{0};
};

/// What all routes work with, and the ways between the threads of the daemon.
///
/// Threads:   the server's, unless a method says otherwise.
/// Ownership: closures hold a reference; see ApiServer.
class Backend {
 public:
  Backend(ApiOptions apiOptions, ApiDeps apiDeps);

  const ApiOptions options;
  const ApiDeps deps;
  Workers workers;              ///< Short work: checking, signing, sealing.
  Workers readers;              ///< May wait for a peer that reads slowly.
  Subscriptions subscriptions;  ///< The loop's.
  Deadlines deadlines;
  JobCallers jobCallers;  ///< The server's.
  const std::int64_t startedWallMs;

  /// Calls `work` in the loop's thread after the next commit: it sees what is on disk, and nothing
  /// else. False when the loop's inbox is full. Any thread.
  bool afterCommit(std::function<void(runtime::Runtime&)> work);
  /// Answers with what `read` gives, after a commit. Any thread.
  void read(const ExchangePtr& exchange,
            std::function<base::Result<json::Value>(ReadContext&)> read);
  /// Makes a change in the loop's transaction, and answers when that is on disk, or is known not to
  /// be. Any thread.
  void change(const ExchangePtr& exchange,
              std::function<base::Result<Changed>(runtime::Runtime&)> change);
  /// The same with what is known of `whenFull` by the request itself, not by its route.
  void change(const ExchangePtr& exchange, bool whenFull,
              std::function<base::Result<Changed>(runtime::Runtime&)> change);
  /// Any thread.
  void work(const ExchangePtr& exchange, Workers::Work work);
  void later(std::chrono::milliseconds delay, std::function<void()> work);

  ReadContext contextOf(runtime::Runtime& runtime) const;
};

/// The answer when a queue is full.
base::Error busy();

}  // namespace belay::api
