#include <memory>
#include <optional>

#include "agent/cli/Commands.h"
#include "agent/cli/Inputs.h"
#include "agent/cli/LocalReads.h"
#include "agent/cli/VaultAccess.h"
#include "common/base/Files.h"

// The key of the vault: secret rotate and unlock.

namespace belay::cli {

using base::Error;
using base::ErrorCode;
using base::Result;
using json::Value;
using vault::SecretValue;
using vault::VaultKey;

namespace {

constexpr std::size_t kPassphraseBytesMax = 4096;
constexpr std::chrono::seconds kDaemonWait{30};
constexpr std::chrono::milliseconds kDaemonLook{20};
constexpr Flag kRotateFlags[] = {
    {"to", 0, "KIND", "file (default): keys/vault.key; passphrase: keys/vault.pass"},
    {"key-file", 0, "FILE",
     "seal with these 32 bytes, and keep no key: they become the credential belay-vault-key"},
    {"passphrase-file", 0, "FILE", "the passphrase as it is now"},
    {"new-passphrase-file", 0, "FILE", "the passphrase of --to passphrase"}};

Result<VaultKey::Next> nextOf(Invocation& invocation) {
  VaultKey::Next next;
  if (invocation.has("key-file")) {
    if (invocation.has("to"))
      return Error{ErrorCode::kUsage, "--to and --key-file exclude each other"};
    next.kind = VaultKey::Next::Kind::kGiven;
    BELAY_ASSIGN(std::string key,
                 vault::readKeyFile(invocation.flag("key-file"), vault::Closed::kToGroup));
    next.key = SecretValue::take(std::move(key));
    return next;
  }
  const std::string to = invocation.has("to") ? invocation.flag("to") : "file";
  if (to == "file") return next;
  if (to != "passphrase") return Error{ErrorCode::kUsage, "--to takes file or passphrase"};
  next.kind = VaultKey::Next::Kind::kPassphrase;
  BELAY_ASSIGN(next.passphrase,
               readPassphrase(invocation, "new-passphrase-file", "new passphrase: "));
  if (invocation.has("new-passphrase-file")) return next;
  BELAY_ASSIGN(const SecretValue again,
               readPassphrase(invocation, "new-passphrase-file", "the same again: "));
  if (again.reveal() != next.passphrase.reveal())
    return Error{ErrorCode::kUsage, "these were two different passphrases"};
  return next;
}

Result<api::Envelope> rotate(Invocation& invocation) {
  BELAY_ASSIGN(const Installation* where, invocation.installation());
  // Holding the journal keeps a daemon from starting meanwhile.
  auto lock = openJournal(*where, invocation.world().clock, false);
  if (!lock) {
    if (lock.error().code != ErrorCode::kJournalLocked) return std::move(lock).error();
    return Error{ErrorCode::kConflict,
                 "the daemon holds the vault open: stop it first",
                 {invocation.stopCommand(), invocation.again()}};
  }
  const VaultKey key = vaultKeyOf(invocation, *where);
  std::optional<SecretValue> passphrase;
  if (key.needsPassphrase()) {
    BELAY_ASSIGN(passphrase, readPassphrase(invocation, "passphrase-file"));
  }
  BELAY_ASSIGN(const VaultKey::Next next, nextOf(invocation));
  BELAY_TRY(key.rotate(passphrase ? &*passphrase : nullptr, next));
  api::Envelope out;
  constexpr const char* kKept[] = {"keys/vault.key", "keys/vault.pass", "elsewhere"};
  out.data.set("key", kKept[static_cast<int>(next.kind)]);
  return out;
}

std::string printRotated(const Invocation& invocation, const Value& data) {
  if (data.text("key") == "elsewhere") {
    invocation.note("the daemon starts again when it is given this key: "
                    "LoadCredential=belay-vault-key:FILE");
  }
  return "the vault is sealed with a new key (" + data.text("key") + ")\n";
}

/// Between the server that waits for the passphrase and the API nobody answers: who has unlocked it
/// goes on with what the daemon does.
Result<api::Envelope> awaitDaemon(Invocation& invocation, api::Envelope unlocked) {
  BELAY_ASSIGN(const auto most, invocation.duration("timeout", kDaemonWait));
  const base::Clock& clock = invocation.world().clock;
  const auto end = clock.sinceBoot() + most;
  ApiRequest request;
  request.target = "/v1/daemon";
  while (true) {
    auto answer = invocation.send(request);
    if (answer && !(answer->error && answer->error->code == ErrorCode::kVaultLocked)) break;
    if (clock.sinceBoot() >= end) {
      unlocked.error = answer ? std::move(answer->error) : std::move(answer).error();
      break;
    }
    invocation.world().sleep(kDaemonLook);
  }
  return unlocked;
}

Result<api::Envelope> unlock(Invocation& invocation) {
  Console& console = invocation.world().console;
  ApiRequest request;
  request.method = "POST";
  request.target = "/v1/vault/unlock";
  request.contentType = "application/octet-stream";
  if (console.inputIsTerminal()) {
    BELAY_ASSIGN(request.body, console.readHidden("passphrase of the vault: "));
  } else {
    BELAY_ASSIGN(request.body, console.readInput(kPassphraseBytesMax));
    if (request.body.ends_with('\n')) request.body.pop_back();
  }
  auto answer = invocation.send(request);
  if (answer && answer->error && answer->error->code == ErrorCode::kHttpRoute)
    return Error{ErrorCode::kConflict, "the vault is open: nothing waits for a passphrase"};
  if (!answer || answer->error) return answer;
  return awaitDaemon(invocation, std::move(*answer));
}

std::string printUnlocked(const Invocation&, const Value&) { return "the vault is open\n"; }

}  // namespace

VaultKey vaultKeyOf(const Invocation& invocation, const Installation& where) {
  const std::string credentials =
      invocation.world().environment("CREDENTIALS_DIRECTORY").value_or("");
  return VaultKey({{where.layout().keys(), credentials},
                   where.layout().vault(),
                   invocation.world().clock,
                   invocation.world().random});
}

Result<SecretValue> readPassphrase(const Invocation& invocation, std::string_view flag,
                                   std::string_view prompt) {
  std::string text;
  if (invocation.has(flag)) {
    BELAY_ASSIGN(text, base::readFile(invocation.flag(flag), kPassphraseBytesMax));
    if (text.ends_with('\n')) text.pop_back();
  } else {
    BELAY_ASSIGN(text, invocation.world().console.readHidden(prompt));
  }
  return SecretValue::take(std::move(text));
}

const Command kSecretRotateCommand{
    "secret rotate",
    "",
    "seal the vault with a new key",
    "While no daemon runs. The key is a file beside the vault unless something else is said: "
    "protected by a passphrase, which somebody gives to the daemon after each start (belay secret "
    "unlock), or a credential of systemd, which comes from where backups of the state folder are "
    "not. Secrets and their versions stay as they are; a crash leaves the old key in force or the "
    "new one.",
    kRotateFlags,
    &rotate,
    &printRotated};

const Command kSecretUnlockCommand{
    "secret unlock",
    "",
    "give a waiting daemon the passphrase of its vault",
    "From standard input, or asked for without being shown. It ends when the daemon answers, or with "
    "an error when that takes longer than --timeout (30s).",
    {},
    &unlock,
    &printUnlocked};

}  // namespace belay::cli
