#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "agent/steps/WorkerPool.h"
#include "agent/vault/ConnectionStore.h"
#include "common/base/Result.h"
#include "common/json/Value.h"

namespace belay::steps {

/// What an operator wants to know of a connection.
enum class Probe {
  kTest,   ///< Whether the system is there and takes the credentials.
  kLearn,  ///< Which keys the server shows (vault/HostKeyPins.h); nothing is pinned by that.
};

/// Tries connections for an operator: whether the system behind one is there and takes its
/// credentials. What a type means by that is in the table, which is filled before the first run().
///
/// Threads:   add() the owner's; run() any.
/// Ownership: borrows the pool; what the tests use must outlive the pool's work.
class ConnectionTests {
 public:
  /// What was found, for people: {detail, …}. It blocks, for a bounded time, and asks the policy as
  /// a step would.
  using Test = std::function<base::Result<json::Value>(const vault::ConnectionPtr&)>;
  using Done = std::function<void(base::Result<json::Value>)>;
  /// The same without blocking: calls `done` once, from any thread.
  using Begin = std::function<void(const vault::ConnectionPtr&, Done)>;

  explicit ConnectionTests(WorkerPool& pool) : pool_(pool) {}

  void add(std::string_view type, Test test);
  void add(Probe probe, std::string_view type, Begin begin);
  /// Calls `done` once, or at once with kBusy or kInvalidArgument.
  void run(vault::ConnectionPtr connection, Probe probe, Done done);

 private:
  WorkerPool& pool_;
  std::map<std::pair<Probe, std::string>, Begin> begins_;
};

}  // namespace belay::steps
