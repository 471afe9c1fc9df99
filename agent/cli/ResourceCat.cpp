#include "agent/cli/Commands.h"
#include "agent/cli/Invocation.h"
#include "agent/cli/ResourceViewers.h"
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

constexpr std::size_t kViewedBytes = 4u << 20;
constexpr std::string_view kUrlPath = "/v1/shared/";
constexpr Flag kFlags[] = {
    {"raw", 0, "", "bytes as they are, also on a terminal"},
    {"as", 0, "VIEWER", "text, json, table or diff; without it by type on a terminal, else raw"}};

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
  const crypto::Digest digest = *crypto::Digest::fromHex(hex);
  BELAY_TRY(store->stream(digest, [](std::string_view) { return Status{}; }));
  return store->stream(digest, sink);
}

/// The path and query of a URL that `resource url` has made; empty for anything else.
std::string sharedTarget(std::string_view text) {
  const std::size_t at = text.starts_with("http://") ? text.find('/', 7) : std::string_view::npos;
  const bool is = at != std::string_view::npos && text.substr(at).starts_with(kUrlPath);
  return is ? std::string(text.substr(at)) : std::string();
}

/// From the daemon, and from the store when it does not run.
Status streamResource(Invocation& invocation, const std::string& hex, const Transport::Sink& sink) {
  ApiRequest request;
  request.target = pathOf("/v1/resources", hex, "/content");
  BELAY_ASSIGN(request.timeout, invocation.duration("timeout", std::chrono::hours{1}));
  const Status streamed = invocation.stream(request, sink);
  const bool away = !streamed && invocation.isAway(streamed.error());
  return away ? streamLocally(invocation, hex, sink) : streamed;
}

Result<Viewer> viewerNamed(const std::string& name) {
  constexpr std::pair<std::string_view, Viewer> kNames[] = {{"text", Viewer::kText},
                                                            {"json", Viewer::kJson},
                                                            {"table", Viewer::kTable},
                                                            {"diff", Viewer::kDiff}};
  for (const auto& [word, viewer] : kNames) {
    if (word == name) return viewer;
  }
  return Error{ErrorCode::kUsage, "--as takes text, json, table or diff"};
}

/// By what is known of it; text where nothing is.
Viewer viewerOf(Invocation& invocation, const std::string& hex) {
  const auto answer = invocation.get(pathOf("/v1/resources", hex));
  const json::Value* row = answer && !answer->error ? answer->data.find("resource") : nullptr;
  return row ? viewerFor(row->text("media_type"), row->text("name")) : Viewer::kText;
}

/// The whole of what is not too large to be shown otherwise than line by line.
Result<api::Envelope> show(Invocation& invocation, const std::string& hex, Viewer viewer) {
  std::string content;
  BELAY_TRY(streamResource(invocation, hex, [&](std::string_view piece) -> Status {
    if (content.size() + piece.size() <= kViewedBytes) {
      content += piece;
      return {};
    }
    return Error{ErrorCode::kLimit, "it has more than 4 MiB, which is shown with --as text"};
  }));
  invocation.world().console.out(view(content, viewer, invocation.style()));
  return api::Envelope{};
}

Result<api::Envelope> catUrl(Invocation& invocation, std::string target) {
  invocation.setStreamed();
  Printer printer(invocation);
  ApiRequest request;
  request.target = std::move(target);
  BELAY_ASSIGN(request.timeout, invocation.duration("timeout", std::chrono::hours{1}));
  BELAY_TRY(invocation.stream(request, [&](std::string_view piece) { return printer(piece); }));
  return api::Envelope{};
}

Result<api::Envelope> cat(Invocation& invocation) {
  if (std::string target = sharedTarget(invocation.argument(0)); !target.empty())
    return catUrl(invocation, std::move(target));
  BELAY_ASSIGN(const std::string hex, digestOf(invocation.argument(0)));
  if (invocation.json()) {
    return Error{ErrorCode::kUsage,
                 "resource cat prints bytes; without --json",
                 {"belay resource show " + hex}};
  }
  Viewer viewer = Viewer::kText;
  if (invocation.has("as")) {
    BELAY_ASSIGN(viewer, viewerNamed(invocation.flag("as")));
  } else if (invocation.world().console.outIsTerminal() && !invocation.has("raw")) {
    viewer = viewerOf(invocation, hex);
  }
  invocation.setStreamed();
  if (viewer != Viewer::kText) return show(invocation, hex, viewer);
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
    "The content is checked against its digest. REF may be a URL that `resource url` made. Works "
    "without a daemon.",
    kFlags,
    &cat,
    nullptr};

}  // namespace belay::cli
