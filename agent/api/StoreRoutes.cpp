#include <condition_variable>
#include <memory>
#include <utility>

#include "agent/api/Routes.h"
#include "agent/steps/KvStep.h"
#include "common/base/Mutex.h"
#include "common/base/Text.h"
#include "common/base/Units.h"

namespace belay::api {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using json::Value;
using Kind = steps::KvOperation::Kind;

namespace {

Result<steps::KvOperation> readKvOperation(const Exchange& exchange) {
  constexpr std::pair<std::string_view, Kind> kKinds[] = {{"set", Kind::kSet},
                                                          {"delete", Kind::kDelete},
                                                          {"increment", Kind::kIncrement},
                                                          {"append", Kind::kAppend}};
  BELAY_ASSIGN(Value body, exchange.bodyObject());
  BELAY_TRY(checkMembers(body, "operation key value by ttl if_not_exists"));
  steps::KvOperation operation;
  operation.space = exchange.param("space");
  BELAY_ASSIGN(const std::string name, textMember(body, "operation", true));
  BELAY_ASSIGN(operation.key, textMember(body, "key", true));
  bool known = false;
  for (const auto& [word, kind] : kKinds) {
    if (word != name) continue;
    operation.kind = kind;
    known = true;
  }
  if (!known) {
    return Error{ErrorCode::kInvalidArgument,
                 "\"operation\" must be set, delete, increment or append"};
  }
  if (const Value* by = body.find("by")) {
    if (!by->isInteger())
      return Error{ErrorCode::kInvalidArgument, "\"by\" must be a whole number"};
    operation.by = by->asInteger();
  }
  BELAY_ASSIGN(const std::string ttl, textMember(body, "ttl"));
  if (!ttl.empty()) {
    BELAY_ASSIGN(const std::chrono::milliseconds length, base::parseDuration(ttl));
    operation.ttlMs = length.count();
  }
  operation.ifNotExists = body.flag("if_not_exists");
  if (Value* value = body.find("value")) operation.value = std::move(*value);
  return operation;
}

/// Lets a worker wait for room in a stream. The server's thread signals.
class Room {
 public:
  void signal() {
    base::MutexLock lock(mutex_);
    free_ = true;
    changed_.notify_all();
  }
  void wait() {
    base::MutexLock lock(mutex_);
    while (!free_) changed_.wait(mutex_);
    free_ = false;
  }

 private:
  base::ConditionVariable changed_;
  base::Mutex mutex_;
  bool free_ BELAY_GUARDED_BY(mutex_) = false;
};

/// Sends a content in pieces; a peer that reads slowly is waited for, until the server cuts it.
void sendContent(Backend& backend, const ExchangePtr& exchange, const crypto::Digest& digest) {
  const auto size = backend.deps.resources.size(digest);
  if (!size) return exchange->fail(size.error());
  auto room = std::make_shared<Room>();  // Shared with the server's callbacks.
  http::ResponseStream stream =
      exchange->responder().stream(http::ServerResponse::of(200, "application/octet-stream", ""),
                                   {[room] { room->signal(); }, [room] { room->signal(); }});
  const Status sent = backend.deps.resources.stream(digest, [&](std::string_view piece) -> Status {
    for (;;) {
      switch (stream.write(piece)) {
        case http::ResponseStream::Write::kTaken:
          return {};
        case http::ResponseStream::Write::kFull:
          room->wait();
          break;
        case http::ResponseStream::Write::kClosed:
          return Error{ErrorCode::kCancelled, "the peer has gone"};
      }
    }
  });
  // Without end() the peer sees a message that was cut off, and does not take it for the content.
  if (sent)
    stream.end();
  else if (sent.error().code != ErrorCode::kCancelled)
    backend.deps.log.error("resource.unreadable", sent.error());
}

}  // namespace

void changeKv(Backend& backend, const ExchangePtr& exchange) {
  auto operation = readKvOperation(*exchange);
  if (!operation) return exchange->fail(operation.error());
  backend.change(
      exchange,
      [&backend, operation = std::move(*operation)](runtime::Runtime& runtime) -> Result<Changed> {
        BELAY_ASSIGN(Value data,
                     steps::performKv(runtime.journal(), operation, backend.deps.clock.wallMs()));
        return Changed{std::move(data), std::nullopt};
      });
}

void streamResource(Backend& backend, const ExchangePtr& exchange) {
  const auto digest = crypto::Digest::fromHex(exchange->param("digest"));
  if (!digest) {
    return exchange->fail(Error{ErrorCode::kResourceNotFound,
                                "a resource is named by 64 lower-case hex digits",
                                {"belay resource list"}});
  }
  const bool posted = backend.readers.post([&backend, exchange, digest = *digest](Workers::Tools&) {
    sendContent(backend, exchange, digest);
  });
  if (!posted) exchange->fail(busy());
}

}  // namespace belay::api
