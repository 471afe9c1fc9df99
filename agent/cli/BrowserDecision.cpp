#include "agent/cli/BrowserDecision.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "agent/cli/Style.h"
#include "common/base/Files.h"
#include "common/base/Markup.h"
#include "common/base/Text.h"
#include "common/http/Listener.h"
#include "common/http/Server.h"
#include "common/log/Log.h"

namespace belay::cli {

using base::Error;
using base::ErrorCode;
using base::Result;
using http::ServerRequest;
using http::ServerResponse;

namespace {

constexpr std::size_t kBodyBytesMax = 64u << 10;
constexpr std::size_t kCommentBytesMax = 4096;
constexpr std::chrono::milliseconds kTurn{250};
constexpr std::string_view kHtml = "text/html; charset=utf-8";
constexpr std::string_view kPolicy =
    "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

std::string escaped(std::string_view text) { return base::escapeMarkup(text, "&#39;"); }

/// A whole page; nothing of it is fetched, kept, framed or run.
ServerResponse pageOf(int status, const std::string& body) {
  ServerResponse response = ServerResponse::of(
      status, std::string(kHtml),
      "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>belay</title></head>"
      "<body>" +
          body + "</body></html>\n");
  response.headers.set("Content-Security-Policy", std::string(kPolicy));
  response.headers.set("X-Content-Type-Options", "nosniff");
  response.headers.set("Referrer-Policy", "no-referrer");
  response.headers.set("Cache-Control", "no-store");
  response.headers.set("Cross-Origin-Opener-Policy", "same-origin");
  response.headers.set("Cross-Origin-Resource-Policy", "same-origin");
  return response;
}

/// The one page and its one answer.
///
/// Threads: the server's.
class DecisionPage final : public http::Handler {
 public:
  struct Secrets {
    std::string once;    ///< In the address; good for the first browser that brings it.
    std::string cookie;  ///< Of that browser from then on.
    std::string form;    ///< Stands on the page alone, so that no other site can post.
  };
  DecisionPage(std::string text, std::string verb, std::string comment, Secrets secrets)
      : text_(std::move(text)),
        verb_(std::move(verb)),
        comment_(std::move(comment)),
        secrets_(std::move(secrets)) {}

  void setPort(int port) { host_ = "127.0.0.1:" + std::to_string(port); }
  std::string url() const { return "http://" + host_ + "/" + secrets_.once; }
  const std::optional<BrowserAnswer>& answer() const { return answer_; }

  Admission admit(ServerRequest& request) override {
    // A name that somebody else has pointed at the loopback is not this page's.
    const std::string* const host = request.headers.find("Host");
    const std::string* const origin = request.headers.find("Origin");
    const bool own = host && *host == host_ && (!origin || *origin == "http://" + host_);
    if (!own) return {0, refused(403, "This page is for the browser that was sent here.")};
    if (request.method == "POST" && request.path == "/decision") return {kBodyBytesMax, {}};
    if (request.method == "GET") return {0, {}};
    return {0, refused(405, "There is nothing of this kind here.")};
  }
  void handle(ServerRequest&& request, http::Responder responder) override {
    responder.send(request.method == "POST" ? decide(std::move(request)) : show(request));
  }
  ServerResponse renderError(int status, const Error& error) override {
    return refused(status, base::visible(error.message));
  }

 private:
  static ServerResponse refused(int status, const std::string& why) {
    return pageOf(status, "<p>" + escaped(why) + "</p>");
  }
  bool knows(const ServerRequest& request) const {
    const std::string* const cookie = request.headers.find("Cookie");
    return cookie && base::equalsInConstantTime(*cookie, "belay=" + secrets_.cookie);
  }
  ServerResponse show(const ServerRequest& request) {
    const bool named = request.path.size() > 1 &&
                       base::equalsInConstantTime(request.path.substr(1), secrets_.once);
    if (!named) return refused(404, "There is nothing here.");
    const bool first = !std::exchange(shown_, true);
    if (!first && !knows(request))
      return refused(410, "This address was used. Run the command again.");
    ServerResponse response = pageOf(200, form());
    if (first) {
      response.headers.set("Set-Cookie", "belay=" + secrets_.cookie +
                                             "; HttpOnly; SameSite=Strict; Path=/; Max-Age=3600");
    }
    return response;
  }
  std::string form() const {
    return "<pre>" + escaped(text_) +
           "</pre><form method=\"post\" action=\"/decision\" accept-charset=\"utf-8\">"
           "<input type=\"hidden\" name=\"form\" value=\"" +
           secrets_.form +
           "\"><p><label>Comment, which is signed:<br><textarea name=\"comment\" rows=\"3\" "
           "cols=\"80\" maxlength=\"4096\">" +
           escaped(comment_) + "</textarea></label></p><p><button name=\"do\" value=\"sign\">" +
           escaped(verb_) +
           "</button> <button name=\"do\" value=\"leave\">Sign nothing</button></p></form>";
  }
  ServerResponse decide(ServerRequest&& request) {
    // A form is written as a query is.
    request.query = std::move(request.body);
    const std::string given = request.queryValue("form").value_or("");
    const std::string what = request.queryValue("do").value_or("");
    std::string comment = request.queryValue("comment").value_or("");
    if (!knows(request) || !base::equalsInConstantTime(given, secrets_.form))
      return refused(403, "This did not come from the page that was shown.");
    const bool known = what == "sign" || what == "leave";
    if (answer_ || !known || comment.size() > kCommentBytesMax || !base::isUtf8(comment))
      return refused(400, "This is no answer, or there was one already.");
    std::erase(comment, '\r');
    answer_ = BrowserAnswer{what == "sign", std::move(comment)};
    return pageOf(200, "<p>" + std::string(answer_->signs ? "Taken" : "Nothing is signed") +
                           ". The terminal has the rest; close this page.</p>");
  }

  const std::string text_;
  const std::string verb_;
  const std::string comment_;
  const Secrets secrets_;
  std::string host_;
  bool shown_ = false;
  std::optional<BrowserAnswer> answer_;
};

/// A port of the loopback, for programs of this machine alone.
Result<base::UniqueFd> listenOnLoopback(int& port) {
  http::Address address;
  auto& raw = reinterpret_cast<sockaddr_in&>(address.storage);
  raw.sin_family = AF_INET;
  raw.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.length = sizeof(raw);
  BELAY_ASSIGN(base::UniqueFd socket, http::listenOnTcp(address));
  sockaddr_in bound{};
  socklen_t length = sizeof(bound);
  if (::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&bound), &length) != 0)
    return base::errnoError(errno, "ask for the port");
  port = ntohs(bound.sin_port);
  return socket;
}

}  // namespace

Result<BrowserAnswer> askInBrowser(const Invocation& invocation, const std::string& page,
                                   const std::string& verb, const std::string& comment,
                                   std::chrono::milliseconds wait) {
  World& world = invocation.world();
  DecisionPage handler(page, verb, comment,
                       {base::makeToken(world.random), base::makeToken(world.random),
                        base::makeToken(world.random)});
  log::NoLog log;
  BELAY_ASSIGN(const auto server,
               http::Server::create(http::ServerSettings{}, handler, world.clock, log));
  int port = 0;
  BELAY_ASSIGN(base::UniqueFd socket, listenOnLoopback(port));
  handler.setPort(port);
  BELAY_TRY(server->listen(std::move(socket), {}));
  // Said whatever else is quiet: without it nobody could answer.
  world.console.err("open in a browser of this machine: " + handler.url() + "\n");
  const auto end = world.clock.sinceBoot() + wait;
  while (!handler.answer()) {
    if (world.clock.sinceBoot() >= end)
      return Error{ErrorCode::kTimeout, "nobody has answered on the page"};
    BELAY_TRY(server->step(kTurn));
  }
  // The browser is told before the port is closed.
  server->beginDrain();
  for (int turns = 0; turns < 8 && !server->drained(); ++turns) BELAY_TRY(server->step(kTurn));
  return *handler.answer();
}

}  // namespace belay::cli
