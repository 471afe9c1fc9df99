#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "agent/runtime/Performer.h"
#include "agent/steps/ConnectionTests.h"
#include "agent/trust/Policy.h"
#include "common/base/Clock.h"
#include "common/base/Mutex.h"

namespace belay::steps {

/// The tests of connections whose work jobs do: ssh, smtp, plugin and db. Each is an attempt that no
/// run has, given to the performer of its family, with the bounds, the redaction and the end of every
/// other one; its result goes back to whoever asked instead of to the loop.
///
/// Threads:   any; attempts begin in the loop.
/// Ownership: borrows all it is given; outlives the performers, which use sink().
class ToolTrials {
 public:
  struct World {
    const trust::Policy& policy;
    const base::Clock& clock;
    std::function<void(std::function<void()>)> onLoop;  ///< As RunStep's.
  };
  explicit ToolTrials(World world) : world_(std::move(world)) {}

  /// Takes the results of trials, and passes on those of steps.
  runtime::ResultSink sink(runtime::ResultSink steps);
  /// Adds the tests of these types. Errors of the tests: kPolicyRefused, kBusy, those of the
  /// performer; kInvalidArgument for a plugin's connection that does not say what its test is.
  void addTo(ConnectionTests& tests, runtime::Performer& tools, runtime::Performer& db);

 private:
  using Done = ConnectionTests::Done;
  /// Makes what people are shown of the output.
  using Shown = std::function<json::Value(const vault::Connection&, json::Value)>;

  void begin(runtime::Performer& performer, flow::Family family, const vault::ConnectionPtr& one,
             json::Value spec, Shown shown, Done done);
  void start(runtime::Performer& performer, runtime::Attempt attempt, Done done);
  base::Status startNow(runtime::Performer& performer, const runtime::Attempt& attempt);
  Done take(const base::RunId& run);

  const World world_;
  std::uint64_t begun_ = 0;  ///< The loop's.

  base::Mutex mutex_;
  std::map<base::RunId, Done> waiting_ BELAY_GUARDED_BY(mutex_);
};

}  // namespace belay::steps
