#include "agent/steps/ConnectionTests.h"

#include <memory>
#include <utility>

namespace belay::steps {

using base::Error;
using base::ErrorCode;

void ConnectionTests::add(Probe probe, std::string_view type, Begin begin) {
  begins_[{probe, std::string(type)}] = std::move(begin);
}

void ConnectionTests::add(std::string_view type, Test test) {
  add(Probe::kTest, type,
      [this, test = std::move(test)](const vault::ConnectionPtr& connection, Done done) {
        // Shared: a work that is refused is destroyed with what it holds.
        const auto shared = std::make_shared<Done>(std::move(done));
        const bool posted =
            pool_.post([&test, connection, shared] { (*shared)(test(connection)); });
        if (!posted) (*shared)(Error{ErrorCode::kBusy, "too many requests wait for a worker"});
      });
}

void ConnectionTests::run(vault::ConnectionPtr connection, Probe probe, Done done) {
  const std::string type(connection->type());
  const auto begin = begins_.find({probe, type});
  if (begin != begins_.end()) return begin->second(connection, std::move(done));
  done(Error{ErrorCode::kInvalidArgument,
             "connections of type " + type +
                 (probe == Probe::kLearn ? " have no host keys to learn" : " cannot be tested")});
}

}  // namespace belay::steps
