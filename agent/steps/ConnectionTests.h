#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "agent/steps/WorkerPool.h"
#include "agent/vault/ConnectionStore.h"
#include "common/base/Result.h"
#include "common/json/Value.h"

namespace belay::steps {

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

  explicit ConnectionTests(WorkerPool& pool) : pool_(pool) {}

  void add(std::string_view type, Test test) { tests_[std::string(type)] = std::move(test); }
  /// Calls `done` once, from a worker, or at once with kBusy or kInvalidArgument.
  void run(vault::ConnectionPtr connection, Done done);

 private:
  WorkerPool& pool_;
  std::map<std::string, Test, std::less<>> tests_;
};

}  // namespace belay::steps
