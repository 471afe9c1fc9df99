#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "agent/api/Accounts.h"
#include "agent/api/Envelope.h"
#include "common/base/Result.h"
#include "common/http/Handler.h"
#include "common/json/Value.h"
#include "common/wire/Body.h"

namespace belay::api {

/// One request on its way through the daemon's threads, with its one answer. Dropped without an
/// answer, it answers 500.
///
/// Threads:   any, one at a time: whoever holds it at the moment.
/// Ownership: shared by the closures of the threads that it passes, which come one after another.
class Exchange {
 public:
  /// `whenFull`: what it changes frees or decides something, and may use the journal's reserve.
  Exchange(http::ServerRequest request, http::Responder responder, Caller caller,
           bool whenFull = true)
      : request_(std::move(request)),
        responder_(std::move(responder)),
        caller_(std::move(caller)),
        whenFull_(whenFull) {}

  const http::ServerRequest& request() const { return request_; }
  const Caller& caller() const { return caller_; }
  bool whenFull() const { return whenFull_; }
  const std::string& param(std::string_view name) const { return request_.param(name); }
  /// The body as a JSON object; {} when there is none. Errors: kJsonSyntax, kInvalidArgument.
  base::Result<json::Value> bodyObject() const;
  http::Responder& responder() { return responder_; }

  void ok(json::Value data, json::Value meta = {}, int status = 200);
  void fail(const base::Error& error, json::Value data = {});
  void answer(base::Result<json::Value> result);

 private:
  http::ServerRequest request_;
  http::Responder responder_;
  Caller caller_;
  bool whenFull_;
};
using ExchangePtr = std::shared_ptr<Exchange>;

/// An envelope as an HTTP answer.
http::ServerResponse envelopeResponse(int status, const Envelope& envelope);
/// For the route table and the server: an error with the status that it names.
http::ServerResponse errorResponse(int status, const base::Error& error);

using wire::checkMembers;
using wire::flagMember;
using wire::textMember;

/// `release` of a body, as text: its number may be one, too. Empty when it is not there.
/// Errors: kInvalidArgument.
base::Result<std::string> releaseMember(const json::Value& body);

}  // namespace belay::api
