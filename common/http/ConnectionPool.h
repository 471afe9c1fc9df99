#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "common/base/Mutex.h"
#include "common/http/ClientConnection.h"

namespace belay::http {

/// Connections that wait for the next request to the same place. What is too old, or has said
/// something, is closed when somebody asks.
///
/// Threads: any.
class ConnectionPool {
 public:
  ConnectionPool(std::size_t connectionsMax, std::chrono::milliseconds ageMax)
      : connectionsMax_(connectionsMax), ageMax_(ageMax) {}

  /// A connection that is still quiet, or null pointer.
  std::unique_ptr<ClientConnection> take(const std::string& place, std::chrono::milliseconds now);
  void put(const std::string& place, std::unique_ptr<ClientConnection> connection,
           std::chrono::milliseconds now);

 private:
  struct Idle {
    std::string place;
    std::unique_ptr<ClientConnection> connection;
    std::chrono::milliseconds since;
  };

  // Constant after construction.
  const std::size_t connectionsMax_;
  const std::chrono::milliseconds ageMax_;

  base::Mutex mutex_;
  std::vector<Idle> idle_ BELAY_GUARDED_BY(mutex_);  // Oldest first.
};

}  // namespace belay::http
