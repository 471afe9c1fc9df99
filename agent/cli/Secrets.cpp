#include <memory>

#include "agent/cli/Commands.h"
#include "agent/cli/Inputs.h"
#include "agent/cli/LocalReads.h"
#include "agent/vault/HostKeys.h"
#include "agent/vault/Vault.h"
#include "common/base/SecretName.h"
#include "common/base/Units.h"

// secret set, list and delete: through the daemon, or in the vault's file while none runs.

namespace belay::cli {

using base::Error;
using base::ErrorCode;
using base::Result;
using json::Value;

namespace {

constexpr Flag kSetFlags[] = {
    {"keep-newline", 0, "", "a line end at the end of standard input belongs to the value"}};

/// The vault without a daemon. Holding the journal keeps one from starting meanwhile.
struct LocalVault {
  std::unique_ptr<journal::Journal> lock;
  std::unique_ptr<vault::Vault> vault;
};

Result<LocalVault> openVault(Invocation& invocation, const Error& unreachable) {
  BELAY_ASSIGN(const Installation* where, invocation.installation());
  LocalVault out;
  auto lock = openJournal(*where, invocation.world().clock, false);
  if (!lock)
    return lock.error().code == ErrorCode::kJournalLocked ? unreachable : std::move(lock).error();
  out.lock = std::move(*lock);
  const std::string credentials =
      invocation.world().environment("CREDENTIALS_DIRECTORY").value_or("");
  BELAY_ASSIGN(crypto::SealKey key,
               vault::HostKeys({where->layout().keys(), credentials}).vaultKey());
  BELAY_ASSIGN(out.vault, vault::Vault::open(where->layout().vault(), std::move(key),
                                             invocation.world().clock, invocation.world().random));
  return out;
}

Value infoToJson(const vault::SecretInfo& secret) {
  Value out;
  out.set("name", secret.name)
      .set("version", secret.version)
      .set("updated_at", base::formatInstant(secret.updatedMs));
  out.set("size_at_most", secret.sizeAtMost).set("redacted", secret.redacted);
  return out;
}

bool isUnreachable(const Result<api::Envelope>& answer) {
  return !answer && answer.error().code == ErrorCode::kDaemonUnreachable;
}

api::Envelope local(Value data) {
  api::Envelope out;
  out.data = std::move(data);
  out.meta.set("source", "vault");
  return out;
}

Result<std::string> readValue(Invocation& invocation) {
  Console& console = invocation.world().console;
  if (console.inputIsTerminal())
    return console.readHidden("value of " + shown(invocation.argument(0)) + ": ");
  BELAY_ASSIGN(std::string text, console.readInput(kInputBytesMax));
  // `echo` and editors end a file with a line end that nobody means.
  if (!invocation.has("keep-newline") && text.ends_with('\n')) text.pop_back();
  return text;
}

Result<api::Envelope> set(Invocation& invocation) {
  // Before somebody has typed the value.
  BELAY_TRY(base::checkSecretName(invocation.argument(0)));
  BELAY_ASSIGN(std::string text, readValue(invocation));
  const vault::SecretValue value = vault::SecretValue::take(std::move(text));
  if (value.empty()) return Error{ErrorCode::kInvalidArgument, "the value is empty"};
  ApiRequest request;
  request.method = "PUT";
  request.target = pathOf("/v1/secrets", invocation.argument(0));
  request.body = std::string(value.reveal());
  request.contentType = "application/octet-stream";
  auto answer = invocation.send(request);
  if (!isUnreachable(answer)) return answer;
  BELAY_ASSIGN(const LocalVault found, openVault(invocation, answer.error()));
  BELAY_ASSIGN(const vault::SecretInfo info, found.vault->set(invocation.argument(0), value));
  Value data;
  data.set("secret", infoToJson(info));
  return local(std::move(data));
}

Result<api::Envelope> list(Invocation& invocation) {
  ApiRequest request;
  request.target = "/v1/secrets";
  auto answer = invocation.send(request);
  if (!isUnreachable(answer)) return answer;
  BELAY_ASSIGN(const LocalVault found, openVault(invocation, answer.error()));
  json::Array secrets;
  for (const vault::SecretInfo& info : found.vault->list()) secrets.push_back(infoToJson(info));
  Value data;
  data.set("secrets", std::move(secrets));
  return local(std::move(data));
}

Result<api::Envelope> remove(Invocation& invocation) {
  ApiRequest request;
  request.method = "DELETE";
  request.target = pathOf("/v1/secrets", invocation.argument(0));
  auto answer = invocation.send(request);
  if (!isUnreachable(answer)) return answer;
  BELAY_ASSIGN(const LocalVault found, openVault(invocation, answer.error()));
  BELAY_TRY(found.vault->remove(invocation.argument(0)));
  Value data;
  data.set("name", invocation.argument(0));
  return local(std::move(data));
}

std::string printSet(const Invocation& invocation, const Value& data) {
  const Value* secret = data.find("secret");
  if (!secret) return "";
  if (!secret->flag("redacted", true)) {
    invocation.note("the value is too short to be masked in logs: a longer one is safer");
  }
  return "secret " + invocation.style().bold(secret->text("name")) + ", version " +
         std::to_string(secret->integer("version")) + "\n";
}

std::string printList(const Invocation& invocation, const Value& data) {
  std::string names;
  Table table({"SECRET", "VERSION", "UPDATED", "MASKED IN LOGS"});
  for (const Value& secret : data.find("secrets")->asArray()) {
    names += secret.text("name") + "\n";
    table.row({secret.text("name"), std::to_string(secret.integer("version")),
               relative(secret.text("updated_at"), invocation.nowMs()),
               secret.flag("redacted") ? Table::Cell("yes")
                                       : Table::Cell("no, too short", Style::Tone::kWarn)});
  }
  if (table.empty()) {
    invocation.note("no secrets; set one: belay secret set NAME");
    return "";
  }
  return invocation.quiet() ? names : table.print(invocation.style());
}

std::string printRemoved(const Invocation&, const Value& data) {
  return "removed " + shown(data.text("name")) + "\n";
}

}  // namespace

const Command kSecretSetCommand{
    "secret set",
    "NAME",
    "put a secret into the vault",
    "The value comes from standard input, or is asked for without being shown; never from the "
    "command line, which everybody on the host can read. Flows and connections name it as "
    "{secret: NAME}. NAME matches [A-Za-z0-9_][A-Za-z0-9_-]{0,63}; capital and small letters "
    "differ.",
    kSetFlags,
    &set,
    &printSet};

const Command kSecretListCommand{
    "secret list", "", "list secrets; values are never shown", "", {}, &list, &printList};

const Command kSecretDeleteCommand{"secret delete", "NAME",       "remove a secret", "", {},
                                   &remove,         &printRemoved};

}  // namespace belay::cli
