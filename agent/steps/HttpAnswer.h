#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/resources/ResourceStream.h"
#include "agent/runtime/Performer.h"
#include "agent/steps/Outputs.h"
#include "common/base/Clock.h"
#include "common/base/Result.h"
#include "common/http/Client.h"

namespace belay::steps {

/// Makes the result of an `http` step of a response. A body that goes to a resource is written as
/// it comes, with secrets masked.
///
/// Threads:   owner.
/// Ownership: borrows all it is given.
class HttpAnswer {
 public:
  struct Wanted {
    std::string as;                     ///< `response_as`
    std::vector<std::int64_t> okStatus;  ///< Empty: 200 to 299.
    std::uint64_t bytesMax = 0;
    std::string bound{};  ///< Which option `bytesMax` is.
  };
  HttpAnswer(Outputs& outputs, const base::Clock& clock, const runtime::Attempt& attempt,
             const Wanted& wanted)
      : outputs_(outputs), clock_(clock), attempt_(attempt), wanted_(wanted) {}

  /// Lets a request bring its body here. Again for another try of the same step.
  void take(http::ClientRequest& request);
  runtime::StepResult finish(const std::string& what, const http::ClientResponse& response,
                             std::int64_t startedMs);

 private:
  base::Status begin();
  base::Status write(std::string_view bytes);
  base::Result<json::Value> bodyOf(const http::ClientResponse& response,
                                   std::vector<journal::ResourceRow>& rows);
  base::Result<json::Value> resourceOf(const std::string& mediaType,
                                       std::vector<journal::ResourceRow>& rows);
  base::Result<json::Value> headersOf(const http::ClientResponse& response) const;
  bool fine(int status) const;
  void fail(runtime::StepResult& result, const std::string& what,
            const http::ClientResponse& response) const;

  Outputs& outputs_;
  const base::Clock& clock_;
  const runtime::Attempt& attempt_;
  const Wanted& wanted_;
  std::unique_ptr<resources::ResourceStore::Writer> writer_;  ///< Of a body on its way.
  std::unique_ptr<redaction::RedactingStream> redacting_;
  std::string body_;  ///< Of one that is no resource.
};

}  // namespace belay::steps
