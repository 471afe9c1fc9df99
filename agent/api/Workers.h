#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "agent/flow/Validate.h"
#include "common/base/BoundedQueue.h"

namespace belay::api {

/// Threads for what would hold up the sockets or the loop: checking, signing, reading files.
///
/// Threads:    post() any.
/// Ownership:  what is posted is done before the destructor returns.
class Workers {
 public:
  /// What each thread has of its own.
  struct Tools {
    flow::SyntaxCheck syntax;
  };
  using Work = std::function<void(Tools&)>;

  Workers(std::string name, std::size_t threads, std::size_t queueMax,
          std::function<flow::SyntaxCheck()> makeSyntaxCheck);
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  /// False when the queue is full.
  bool post(Work work) { return queue_.tryPush(std::move(work)); }

 private:
  void run(const std::string& name) noexcept;

  const std::function<flow::SyntaxCheck()> makeSyntaxCheck_;
  base::BoundedQueue<Work> queue_;
  std::vector<std::thread> threads_;
};

}  // namespace belay::api
