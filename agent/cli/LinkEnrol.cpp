#include <unistd.h>

#include <array>

#include "agent/cli/Commands.h"
#include "agent/cli/Invocation.h"

namespace belay::cli {

using base::Error;
using base::ErrorCode;
using base::Result;
using json::Value;

namespace {

constexpr std::size_t kTokenBytesMax = 4096;
constexpr Flag kFlags[] = {
    {"token", 0, "TOKEN",
     "of role host, from `belay-relay tokens new`; \"-\" reads standard input"},
    {"label", 0, "TEXT", "what people call this host (its host name)"},
};

std::string hostName() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? std::string(name.data()) : "";
}

Result<api::Envelope> enrol(Invocation& invocation) {
  std::string token = invocation.flag("token");
  if (token == "-") {
    BELAY_ASSIGN(token, invocation.world().console.readInput(kTokenBytesMax));
    token = token.substr(0, token.find_last_not_of(" \r\n") + 1);
  }
  if (token.empty()) {
    return Error{ErrorCode::kUsage,
                 "--token is needed: a token of role host of the relay",
                 {"belay-relay tokens new"}};
  }
  const std::string label = invocation.flag("label");
  Value body;
  body.set("url", invocation.argument(0)).set("token", token);
  body.set("label", label.empty() ? hostName() : label);
  return invocation.post("/v1/link", body);
}

std::string print(const Invocation& invocation, const Value& data) {
  return "enrolled with " + data.text("relay") + " as " +
         invocation.style().bold(data.text("host")) + "\n";
}

}  // namespace

const Command kLinkEnrolCommand{
    "link enrol",
    "URL",
    "enrol this host with a relay, by a one-time token",
    "Makes the host's key where there is none; it never leaves the host. From then on the daemon "
    "keeps a session with the relay. A second time, with another URL, it moves to that relay.",
    kFlags,
    &enrol,
    &print};

}  // namespace belay::cli
