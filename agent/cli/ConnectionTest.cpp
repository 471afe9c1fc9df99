#include <algorithm>

#include "agent/cli/Commands.h"
#include "agent/cli/Invocation.h"
#include "agent/vault/HostKeyPins.h"
#include "common/base/Text.h"
#include "common/json/Json.h"

namespace belay::cli {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using json::Value;

namespace {

/// The daemon bounds a test by `connect_timeout`, which is at most ten minutes.
constexpr std::chrono::minutes kLongest{11};
constexpr Flag kFlags[] = {
    {"learn", 0, "", "show the keys of an ssh server, and pin those that are confirmed"},
    {"fingerprint", 0, "SHA256:…", "with --learn: pin the key of this fingerprint, and ask nobody",
     true},
    {"yes", 0, "", "with --learn: pin what the server shows, and ask nobody"},
    {"replace", 0, "",
     "with --learn and --fingerprint: in place of the pinned keys, for a server that was set up "
     "anew"}};

/// The keys that are to be pinned: those that are not yet, and are meant. A person compares one, the first,
/// which is of the best kind: the others came over connections of their own, and a stranger in between
/// could have answered one of them alone.
Result<Value> choose(const Invocation& invocation, const Value& found) {
  const std::vector<std::string> wanted = invocation.flags("fingerprint");
  const bool one = wanted.empty() && !invocation.has("yes");
  std::vector<std::string> left = wanted;
  Value out{json::Array{}};
  for (const Value& key : found.find("host_keys")->asArray()) {
    const std::string fingerprint = key.text("fingerprint");
    std::erase(left, fingerprint);
    const bool meant =
        wanted.empty() || std::find(wanted.begin(), wanted.end(), fingerprint) != wanted.end();
    if (meant && (key.text("state") != "pinned" || invocation.has("replace"))) out.push(key);
    if (one) break;
  }
  if (left.empty()) return out;
  return Error{ErrorCode::kSshHostKey,
               "the server of connection " + invocation.argument(0) + " shows no key " +
                   shown(left.front()) + "; nothing was pinned",
               {"belay connection test " + invocation.argument(0) + " --learn"}};
}

std::string listOf(const Value& keys) {
  std::string out;
  for (const Value& key : keys.asArray())
    out += "  " + shown(key.text("type")) + " " + shown(key.text("fingerprint")) + "\n";
  return out;
}

Status confirm(const Invocation& invocation, const Value& chosen) {
  if (invocation.has("yes") || invocation.has("fingerprint")) return {};
  Console& console = invocation.world().console;
  const std::string name = invocation.argument(0);
  if (!console.inputIsTerminal()) {
    return Error{ErrorCode::kUsage,
                 "there is no terminal to ask on: say which key it must be",
                 {"on the machine itself: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub",
                  "belay connection test " + name + " --learn --fingerprint SHA256:…"}};
  }
  console.err("The server of " + shown(name) + " shows:\n" + listOf(chosen) +
              "Compare with what the machine itself says: for key in /etc/ssh/ssh_host_*_key.pub; do "
              "ssh-keygen -lf $key; done\n");
  BELAY_ASSIGN(const std::string typed, console.readHidden("type \"yes\" to pin it: "));
  if (typed == "yes") return {};
  return Error{ErrorCode::kCancelled, "nothing was pinned"};
}

/// No command writes into the settings.
Error standsInSettings(const std::string& name, const Value& chosen) {
  Error error{ErrorCode::kConflict,
              "connection " + name + " stands in the settings, which no command changes; if the "
              "fingerprints are right, put these into its host_keys there, and restart the daemon",
              {}};
  for (const Value& key : chosen.asArray()) error.actions.push_back(shown(key.text("key")));
  return error;
}

Status checkFlags(const Invocation& invocation) {
  for (const char* flag : {"fingerprint", "yes", "replace"}) {
    if (invocation.has(flag) && !invocation.has("learn"))
      return Error{ErrorCode::kUsage, std::string("--") + flag + " belongs to --learn"};
  }
  if (invocation.has("replace") && !invocation.has("fingerprint"))
    return Error{ErrorCode::kUsage, "--replace wants --fingerprint: which key is the new one"};
  return {};
}

/// What is pinned, on top of the answer that `learned` has.
Status pin(Invocation& invocation, const Value& chosen, api::Envelope& learned) {
  Value keys{json::Array{}};
  for (const Value& key : chosen.asArray()) keys.push(key.text("key"));
  Value body;
  body.set("host_keys", std::move(keys)).set("version", learned.data.text("version"));
  body.set("replace", invocation.has("replace"));
  ApiRequest request;
  request.method = "PUT";
  request.target = pathOf("/v1/connections", invocation.argument(0), "/host-keys");
  request.body = json::print(body);
  BELAY_ASSIGN(const api::Envelope written, invocation.send(request));
  if (written.error) return *written.error;
  learned.data.set("version", written.data.text("version"));
  return {};
}

Status learnKeys(Invocation& invocation, api::Envelope& learned) {
  const Value found = *learned.data.find("found");
  if (found.flag("changed") && !invocation.has("replace"))
    return vault::changedHostKey(invocation.argument(0), found);
  BELAY_ASSIGN(const Value chosen, choose(invocation, found));
  if (chosen.asArray().empty()) {
    learned.data.set("written", chosen);
    return {};
  }
  if (learned.data.text("source") == "settings")
    return standsInSettings(invocation.argument(0), chosen);
  BELAY_TRY(confirm(invocation, chosen));
  BELAY_TRY(pin(invocation, chosen, learned));
  learned.data.set("written", chosen);
  return {};
}

Result<api::Envelope> test(Invocation& invocation) {
  BELAY_TRY(checkFlags(invocation));
  ApiRequest request;
  request.method = "POST";
  request.target = pathOf("/v1/connections", invocation.argument(0), "/test");
  request.timeout = kLongest;
  if (!invocation.has("learn")) return invocation.send(request);
  request.body = R"({"learn":true})";
  BELAY_ASSIGN(api::Envelope learned, invocation.send(request));
  if (learned.error || !learned.data.find("found")) return learned;
  if (const Status done = learnKeys(invocation, learned); !done.ok()) learned.error = done.error();
  return learned;
}

std::string printKeys(const Invocation& invocation, const Value& data, const Value& found) {
  Table table({"TYPE", "FINGERPRINT", "KEY IS"});
  for (const Value& key : found.find("host_keys")->asArray()) {
    const std::string state = key.text("state");
    table.row({key.text("type"), key.text("fingerprint"),
               {state, state == "changed" ? Style::Tone::kBad : Style::Tone::kPlain}});
  }
  std::string out = table.print(invocation.style());
  const Value* written = data.find("written");
  if (!written) return out;
  if (written->asArray().empty()) return out + "they were pinned already\n";
  return out + "pinned by " + shown(data.text("name")) + ":\n" + listOf(*written);
}

std::string print(const Invocation& invocation, const Value& data) {
  const Value* found = data.find("found");
  if (!found) return "";
  if (found->find("host_keys")) return printKeys(invocation, data, *found);
  std::string out = shown(data.text("name")) + ": " + shown(found->text("detail"));
  if (found->find("duration_ms"))
    out += " (" + std::to_string(found->integer("duration_ms")) + " ms)";
  return out + "\n";
}

}  // namespace

const Command kConnectionTestCommand{
    "connection test",
    "NAME",
    "try whether the system behind a connection is there and accepts its credentials",
    "The daemon makes the attempt, with the connection's own means and under the host's policy. An "
    "http connection is asked for its base URL, or test_path, with GET; an llm for its models; a chat "
    "gets a message that says that it is a test; an ssh server must show a pinned key and accept the "
    "user; a mail server is greeted, by TLS, with user and password, and gets no mail; a db is opened "
    "read-only; a plugin does what `test` of its connection says.\n\n"
    "--learn shows the keys of an ssh server with their fingerprints, and pins the one that somebody "
    "confirms who has compared it with the machine itself, those of --fingerprint, or all with "
    "--yes. A key that contradicts a pinned one is "
    "never taken but with --replace and its fingerprint.",
    kFlags,
    &test,
    &print};

}  // namespace belay::cli
