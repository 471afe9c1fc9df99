#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "agent/cli/Commands.h"
#include "agent/cli/Inputs.h"
#include "agent/cli/LocalReads.h"
#include "agent/cli/VaultAccess.h"
#include "common/base/Files.h"
#include "common/base/SecretName.h"
#include "common/base/Text.h"
#include "common/base/Units.h"
#include "common/crypto/Wipe.h"
#include "common/json/Json.h"

// secret set, generate, list, usages and delete: through the daemon, or in the vault's file while none runs.

namespace belay::cli {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using json::Value;

namespace {

constexpr Flag kPassphrase{"passphrase-file", 0, "FILE",
                           "the vault's passphrase, while no daemon runs"};
constexpr Flag kSetFlags[] = {
    {"file", 'f', "FILE", "the value is the content of a file"},
    {"keep-newline", 0, "", "a line end at the end of the input belongs to the value"},
    kPassphrase};
constexpr Flag kGenerateFlags[] = {
    {"bytes", 0, "N", "so many random bytes (32)"},
    {"as", 0, "FORM", "base64url (default), base64, hex or webhook (whsec_…, as webhooks sign)"},
    {"replace", 0, "", "also when there is a secret of that name"},
    kPassphrase};
constexpr Flag kDeleteFlags[] = {{"force", 0, "", "also when flows or connections use it"},
                                 kPassphrase};
constexpr Flag kListFlags[] = {kPassphrase};
constexpr std::size_t kGeneratedMax = 1024;

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
  std::optional<vault::SecretValue> passphrase;
  const vault::VaultKey key = vaultKeyOf(invocation, *where);
  if (key.needsPassphrase()) {
    BELAY_ASSIGN(passphrase, readPassphrase(invocation, "passphrase-file"));
  }
  BELAY_ASSIGN(vault::VaultKey::Opened opened, key.open(passphrase ? &*passphrase : nullptr));
  out.vault = std::move(opened.vault);
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

api::Envelope local(Value data) {
  api::Envelope out;
  out.data = std::move(data);
  out.meta.set("source", "vault");
  return out;
}

Result<std::string> readValue(Invocation& invocation) {
  Console& console = invocation.world().console;
  if (invocation.has("file")) {
    BELAY_ASSIGN(std::string text, base::readFile(invocation.flag("file"), kInputBytesMax));
    if (!invocation.has("keep-newline") && text.ends_with('\n')) text.pop_back();
    return text;
  }
  if (console.inputIsTerminal())
    return console.readHidden("value of " + shown(invocation.argument(0)) + ": ");
  BELAY_ASSIGN(std::string text, console.readInput(kInputBytesMax));
  // `echo` and editors end a file with a line end that nobody means.
  if (!invocation.has("keep-newline") && text.ends_with('\n')) text.pop_back();
  return text;
}

Result<api::Envelope> put(Invocation& invocation, const vault::SecretValue& value) {
  if (value.empty()) return Error{ErrorCode::kInvalidArgument, "the value is empty"};
  ApiRequest request;
  request.method = "PUT";
  request.target = pathOf("/v1/secrets", invocation.argument(0));
  request.body = std::string(value.reveal());
  request.contentType = "application/octet-stream";
  auto answer = invocation.send(request);
  if (answer || !invocation.isAway(answer.error())) return answer;
  BELAY_ASSIGN(const LocalVault found, openVault(invocation, answer.error()));
  BELAY_ASSIGN(const vault::SecretInfo info, found.vault->set(invocation.argument(0), value));
  Value data;
  data.set("secret", infoToJson(info));
  return local(std::move(data));
}

Result<api::Envelope> set(Invocation& invocation) {
  // Before somebody has typed the value.
  BELAY_TRY(base::checkSecretName(invocation.argument(0)));
  BELAY_ASSIGN(std::string text, readValue(invocation));
  return put(invocation, vault::SecretValue::take(std::move(text)));
}

Result<api::Envelope> list(Invocation& invocation) {
  ApiRequest request;
  request.target = "/v1/secrets";
  auto answer = invocation.send(request);
  if (answer || !invocation.isAway(answer.error())) return answer;
  BELAY_ASSIGN(const LocalVault found, openVault(invocation, answer.error()));
  json::Array secrets;
  for (const vault::SecretInfo& info : found.vault->list()) secrets.push_back(infoToJson(info));
  Value data;
  data.set("secrets", std::move(secrets));
  return local(std::move(data));
}

Status checkNew(Invocation& invocation) {
  BELAY_ASSIGN(const api::Envelope known, list(invocation));
  if (known.error) return *known.error;
  for (const Value& secret : known.data.find("secrets")->asArray()) {
    if (secret.text("name") != invocation.argument(0)) continue;
    return Error{ErrorCode::kConflict,
                 "there is a secret " + invocation.argument(0) + " already",
                 {"belay secret generate --replace " + invocation.argument(0)}};
  }
  return {};
}

Result<api::Envelope> generate(Invocation& invocation) {
  BELAY_TRY(base::checkSecretName(invocation.argument(0)));
  std::size_t size = 32;
  if (invocation.has("bytes")) {
    const auto given = base::parseUnsigned(invocation.flag("bytes"));
    if (!given || *given < 16 || *given > kGeneratedMax) {
      return Error{ErrorCode::kUsage,
                   "--bytes takes a number from 16 to " + std::to_string(kGeneratedMax)};
    }
    size = static_cast<std::size_t>(*given);
  }
  const std::string form = invocation.has("as") ? invocation.flag("as") : "base64url";
  const bool isWebhook = form == "webhook";
  if (!isWebhook && form != "base64url" && form != "base64" && form != "hex")
    return Error{ErrorCode::kUsage, "--as takes base64url, base64, hex or webhook"};
  if (isWebhook && (size < 24 || size > 64))
    return Error{ErrorCode::kUsage, "a webhook's key has 24 to 64 bytes"};
  if (!invocation.has("replace")) BELAY_TRY(checkNew(invocation));
  std::string bytes(size, '\0');
  const std::span<std::uint8_t> raw{reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size()};
  invocation.world().random.fill(raw);
  std::string text = form == "hex"         ? base::toHex(raw)
                     : form == "base64url" ? base::toBase64Url(bytes)
                                           : (isWebhook ? "whsec_" : "") + base::toBase64(bytes);
  crypto::wipe(bytes);
  return put(invocation, vault::SecretValue::take(std::move(text)));
}

Result<api::Envelope> remove(Invocation& invocation) {
  Value body;
  body.set("force", invocation.has("force"));
  ApiRequest request;
  request.method = "DELETE";
  request.target = pathOf("/v1/secrets", invocation.argument(0));
  request.body = json::print(body);
  auto answer = invocation.send(request);
  if (answer || !invocation.isAway(answer.error())) return answer;
  // Without a daemon nobody says who uses it.
  if (!invocation.has("force")) return answer;
  BELAY_ASSIGN(const LocalVault found, openVault(invocation, answer.error()));
  BELAY_TRY(found.vault->remove(invocation.argument(0)));
  Value data;
  data.set("name", invocation.argument(0));
  return local(std::move(data));
}

Result<api::Envelope> usages(Invocation& invocation) {
  ApiRequest request;
  request.target = pathOf("/v1/secrets", invocation.argument(0), "/usages");
  return invocation.send(request);
}

std::string printUsages(const Invocation& invocation, const Value& data) {
  Table table({"WHAT", "NAME", "IN"});
  for (const Value& use : data.find("usages")->asArray())
    table.row({use.text("what"), use.text("name"), use.text("in")});
  if (table.empty()) {
    invocation.note("nothing uses " + shown(data.text("name")));
    return "";
  }
  return table.print(invocation.style());
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
    "secret list", "",        "list secrets; values are never shown", "", kListFlags, &list,
    &printList};

const Command kSecretGenerateCommand{
    "secret generate",
    "NAME",
    "put a random secret into the vault, which nobody has seen",
    "",
    kGenerateFlags,
    &generate,
    &printSet};

const Command kSecretUsagesCommand{
    "secret usages",
    "NAME",
    "list the connections and flows that use a secret",
    "Connections of this host, and flows whose draft or live release names it.",
    {},
    &usages,
    &printUsages};

const Command kSecretDeleteCommand{
    "secret delete", "NAME",  "remove a secret", "Refused while flows or connections use it.",
    kDeleteFlags,    &remove, &printRemoved};

}  // namespace belay::cli
