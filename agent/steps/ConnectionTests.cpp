#include "agent/steps/ConnectionTests.h"

#include <memory>
#include <utility>

namespace belay::steps {

using base::Error;
using base::ErrorCode;

void ConnectionTests::run(vault::ConnectionPtr connection, Done done) {
  const auto test = tests_.find(connection->type());
  if (test == tests_.end()) {
    return done(Error{ErrorCode::kInvalidArgument, "connections of type " +
                                                       std::string(connection->type()) +
                                                       " cannot be tested"});
  }
  // Shared: a work that is refused is destroyed with what it holds.
  const auto shared = std::make_shared<Done>(std::move(done));
  const bool posted = pool_.post([test = &test->second, connection, shared] {
    (*shared)((*test)(connection));
  });
  if (!posted) (*shared)(Error{ErrorCode::kBusy, "too many requests wait for a worker"});
}

}  // namespace belay::steps
