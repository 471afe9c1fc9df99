#pragma once

#include <memory>
#include <string>
#include <utility>

#include "agent/link/LinkPart.h"
#include "common/wire/CallbackProof.h"
#include "tests/support/TestRuntime.h"
#include "tests/support/TestSecrets.h"

namespace belay::test {

/// The link's share of a TestRuntime's loop, and what it stands on.
///
/// Threads:   one.
/// Ownership: borrows the host's process; its loop must step no more once this is gone.
class LinkOfHost {
 public:
  explicit LinkOfHost(TestSecrets secrets = TestSecrets{}) : secrets_(std::move(secrets)) {}

  static std::string tokenOf(const std::string& wait) { return "token of " + wait; }
  static std::string routeOf(const std::string& wait) { return wire::routingId("key", wait); }

  /// Over the process of the host that there is: belongs into TestRuntime::extend.
  void attach(TestRuntime& host) {
    events_ = std::make_unique<triggers::Events>(
        triggers::Events::World{*host.runtime, *host.evaluator, secrets_, host.policy, host.log});
    inbox_ = std::make_unique<link::Inbox>(link::Inbox::World{*events_, &tokenOf, host.log});
    part = std::make_unique<link::LinkPart>(link::LinkPart::World{
        *host.runtime, *inbox_, host.log, &routeOf, [this] { ++grew; }});
    host.loop->add(*part);
  }

  std::unique_ptr<link::LinkPart> part;
  int grew = 0;  ///< So often the outbox has grown.

 private:
  const TestSecrets secrets_;
  std::unique_ptr<triggers::Events> events_;
  std::unique_ptr<link::Inbox> inbox_;
};

}  // namespace belay::test
