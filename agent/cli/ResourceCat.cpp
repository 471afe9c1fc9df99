#include "agent/cli/Commands.h"
#include "agent/cli/Invocation.h"
#include "agent/cli/Resources.h"
#include "agent/resources/ResourceStore.h"
#include "common/base/Text.h"

namespace belay::cli {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

Result<std::string> digestOf(std::string_view ref) {
  constexpr std::string_view kPrefix = "res://sha256/";
  const std::string_view hex = ref.starts_with(kPrefix) ? ref.substr(kPrefix.size()) : ref;
  if (crypto::Digest::fromHex(hex)) return std::string(hex);
  return Error{ErrorCode::kUsage,
               "a resource is res://sha256/ and 64 hex digits, not \"" + base::visible(ref) + "\"",
               {"belay resource list"}};
}

namespace {

constexpr Flag kFlags[] = {{"raw", 0, "", "bytes as they are, also on a terminal"}};

class Printer {
 public:
  explicit Printer(Invocation& invocation)
      : console_(invocation.world().console),
        safe_(console_.outIsTerminal() && !invocation.has("raw")) {}
  Status operator()(std::string_view piece) {
    // A stored text must not drive the terminal of whoever looks at it.
    if (safe_)
      console_.out(base::visible(piece, true));
    else
      console_.out(piece);
    return {};
  }

 private:
  Console& console_;
  const bool safe_;
};

Status streamLocally(Invocation& invocation, const std::string& hex, const Transport::Sink& sink) {
  BELAY_ASSIGN(const Installation* where, invocation.installation());
  BELAY_ASSIGN(const auto store,
               resources::ResourceStore::open(where->layout().resources(), invocation.world().clock,
                                              invocation.world().random));
  return store->stream(*crypto::Digest::fromHex(hex), sink);
}

/// From the daemon, and from the store when it does not run.
Status streamResource(Invocation& invocation, const std::string& hex, const Transport::Sink& sink) {
  ApiRequest request;
  request.target = pathOf("/v1/resources", hex, "/content");
  BELAY_ASSIGN(request.timeout, invocation.duration("timeout", std::chrono::hours{1}));
  const Status streamed = invocation.stream(request, sink);
  const bool unreachable = !streamed && streamed.error().code == ErrorCode::kDaemonUnreachable;
  return unreachable ? streamLocally(invocation, hex, sink) : streamed;
}

Result<api::Envelope> cat(Invocation& invocation) {
  BELAY_ASSIGN(const std::string hex, digestOf(invocation.argument(0)));
  if (invocation.json()) {
    return Error{ErrorCode::kUsage,
                 "resource cat prints bytes; without --json",
                 {"belay resource show " + hex}};
  }
  invocation.setStreamed();
  Printer printer(invocation);
  BELAY_TRY(streamResource(invocation, hex,
                           [&printer](std::string_view piece) { return printer(piece); }));
  return api::Envelope{};
}

}  // namespace

Result<std::string> readResource(Invocation& invocation, std::string_view ref) {
  constexpr std::size_t kBytesMax = 64u << 20;
  BELAY_ASSIGN(const std::string hex, digestOf(ref));
  std::string out;
  BELAY_TRY(streamResource(invocation, hex, [&out](std::string_view piece) -> Status {
    if (out.size() + piece.size() > kBytesMax)
      return Error{ErrorCode::kLimit, "a resource that a run needs has more than 64 MiB"};
    out += piece;
    return {};
  }));
  return out;
}

const Command kResourceCatCommand{
    "resource cat",
    "REF",
    "print an artifact",
    "The content is checked against its digest. Works without a daemon.",
    kFlags,
    &cat,
    nullptr};

}  // namespace belay::cli
