#include <condition_variable>
#include <memory>
#include <utility>

#include "agent/api/Reads.h"
#include "agent/api/Routes.h"
#include "agent/journal/ResourceTable.h"
#include "common/base/Mutex.h"
#include "common/base/Text.h"
#include "common/base/Units.h"
#include "common/crypto/Hmac.h"

// What is done with resources: their contents, URLs for those who may not ask otherwise, and their
// end.

namespace belay::api {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using json::Value;

namespace {

constexpr std::chrono::hours kUrlLifeMax{24 * 7};

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
  // Read whole before: once it has begun, an answer cannot say that it is damaged.
  const Status whole =
      backend.deps.resources.stream(digest, [](std::string_view) { return Status{}; });
  if (!whole) {
    if (whole.error().code != ErrorCode::kResourceNotFound)
      backend.deps.log.error("resource.unreadable", whole.error());
    return exchange->fail(whole.error());
  }
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

Error noSuch() {
  return Error{ErrorCode::kResourceNotFound,
               "a resource is named by 64 lower-case hex digits",
               {"belay resource list"}};
}

void sendLater(Backend& backend, const ExchangePtr& exchange, const crypto::Digest& digest) {
  const bool posted = backend.readers.post([&backend, exchange, digest](Workers::Tools&) {
    sendContent(backend, exchange, digest);
  });
  if (!posted) exchange->fail(busy());
}

/// Of one content until one moment: nothing else follows from it.
std::string signatureOf(const Backend& backend, const std::string& digest, std::string_view until) {
  const std::string what = "resource\n" + digest + "\n" + std::string(until);
  return base::toBase64Url(crypto::hmacSha256(backend.deps.urlKey, what).view());
}

}  // namespace

void streamResource(Backend& backend, const ExchangePtr& exchange) {
  const auto digest = crypto::Digest::fromHex(exchange->param("digest"));
  if (!digest) return exchange->fail(noSuch());
  sendLater(backend, exchange, *digest);
}

void signResourceUrl(Backend& backend, const ExchangePtr& exchange) {
  const auto make = [&]() -> Result<Value> {
    const std::string& hex = exchange->param("digest");
    const auto digest = crypto::Digest::fromHex(hex);
    if (!digest) return noSuch();
    BELAY_ASSIGN(const Value body, exchange->bodyObject());
    BELAY_TRY(checkMembers(body, "expires"));
    BELAY_ASSIGN(const std::string text, textMember(body, "expires"));
    BELAY_ASSIGN(const std::chrono::milliseconds life, base::parseDuration(text.empty() ? "1h" : text));
    if (life.count() <= 0 || life > kUrlLifeMax)
      return Error{ErrorCode::kInvalidArgument, "\"expires\" must be from 1ms to 7d"};
    BELAY_TRY(backend.deps.resources.size(*digest));
    const std::int64_t untilMs = backend.deps.clock.wallMs() + life.count();
    const std::string until = std::to_string(untilMs);
    Value out;
    out.set("url", "http://localhost/v1/shared/" + hex + "?until=" + until +
                       "&signature=" + signatureOf(backend, hex, until));
    out.set("socket", backend.options.socket);
    out.set("expires_at", base::formatInstant(untilMs));
    return out;
  };
  auto made = make();
  if (!made) return exchange->fail(made.error());
  backend.deps.log.info("resource.url", {{"digest", exchange->param("digest")},
                                         {"by", exchange->caller().shown()}});
  exchange->ok(std::move(*made));
}

void openResourceUrl(Backend& backend, const ExchangePtr& exchange) {
  const std::string& hex = exchange->param("digest");
  const auto digest = crypto::Digest::fromHex(hex);
  const auto query = parseQuery(exchange->request().query);
  const auto refuse = [&](const std::string& why) {
    return exchange->fail(Error{ErrorCode::kResourceUrl, why, {"belay resource url REF"}});
  };
  if (!digest || !query) return refuse("this is no URL of a resource");
  const ReadArguments arguments({}, *query);
  const std::string until = arguments.text("until");
  if (!base::equalsInConstantTime(arguments.text("signature"), signatureOf(backend, hex, until)))
    return refuse("the signature of the URL does not match");
  const auto untilMs = base::parseUnsigned(until);
  if (!untilMs || static_cast<std::int64_t>(*untilMs) <= backend.deps.clock.wallMs())
    return refuse("the time of the URL is over");
  sendLater(backend, exchange, *digest);
}

void deleteResource(Backend& backend, const ExchangePtr& exchange) {
  const auto digest = crypto::Digest::fromHex(exchange->param("digest"));
  if (!digest) return exchange->fail(noSuch());
  const std::string ref = "res://sha256/" + digest->hex();
  backend.change(exchange, [ref](runtime::Runtime& runtime) -> Result<Changed> {
    journal::ResourceTable& table = runtime.journal().resourceTable();
    BELAY_ASSIGN(const std::string run, table.usedBy(ref));
    if (!run.empty())
      return Error{ErrorCode::kResourceInUse,
                   "run " + run + " has not ended, and has " + ref,
                   {"belay run show " + run}};
    journal::ResourcesRemoved removed;
    BELAY_TRY(table.remove(ref, removed));
    if (removed.resources == 0)
      return Error{ErrorCode::kResourceNotFound, "there is no resource " + ref,
                   {"belay resource list"}};
    Value out;
    out.set("ref", ref).set("removed", removed.resources);
    return Changed{std::move(out), std::nullopt};
  });
}

}  // namespace belay::api
