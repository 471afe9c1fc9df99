#include "agent/cli/Signing.h"

#include <sys/stat.h>

#include <cerrno>

#include "agent/cli/Inputs.h"
#include "common/base/Files.h"
#include "common/base/Text.h"
#include "common/base/Units.h"
#include "common/crypto/Wipe.h"
#include "common/statement/Payload.h"

namespace belay::cli {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using json::Value;
using statement::Pin;
using statement::Root;
using statement::Roster;
using statement::SignedStatement;

namespace {

constexpr std::uint64_t kPassphraseFileBytesMax = 1024;
/// The longest statement, with all signatures.
constexpr std::size_t kStatementBytesMax = 4u << 20;

std::string line(const std::string& name, const std::string& value) {
  return name + std::string(name.size() < 10 ? 10 - name.size() : 1, ' ') + value + "\n";
}

std::string selectorText(const Pin& pin) { return base::join(pin.selector, " "); }

Described describeRoot(const Root& root) {
  Described out;
  out.data.set("name", root.name).set("version", root.version).set("threshold", root.threshold);
  out.lines = line("root", std::to_string(root.version) + " of " + shown(root.name) + ", " +
                               std::to_string(root.threshold) + " must sign");
  for (const Root::Key& key : root.keys) {
    out.lines += line("  " + key.person, key.key.thumbprint());
  }
  return out;
}

Described describeRoster(const Roster& roster) {
  Described out;
  out.data.set("fleet", roster.fleet.hex()).set("version", roster.version);
  out.data.set("pin_threshold", roster.pinThreshold);
  out.lines = line("roster", std::to_string(roster.version)) + line("fleet", roster.fleet.hex());
  for (const Roster::Key& key : roster.keys) {
    out.lines += line("  " + key.person,
                      std::string(statement::roleName(key.role)) + " " + key.key.thumbprint());
  }
  for (const Roster::Revocation& each : roster.revocations) {
    out.lines += line("  revoked", each.key + " " + shown(each.reason));
  }
  for (const Roster::Floor& floor : roster.floors) {
    out.lines +=
        line("  floor", floor.flow + "/" + floor.channel + " " + std::to_string(floor.counter));
  }
  out.lines += line("pins", std::to_string(roster.pinThreshold) + " must sign");
  return out;
}

Described describePin(const Pin& pin) {
  Described out;
  out.data.set("fleet", pin.fleet.hex()).set("flow", pin.flow).set("channel", pin.channel);
  out.data.set("counter", pin.counter).set("prev", statement::hexOrNone(pin.prev));
  out.data.set("release", pin.releaseName()).set("size", pin.size);
  out.data.set("selector", selectorText(pin));
  out.lines = line("pin", std::to_string(pin.counter) + " of " + pin.flow + ", " + pin.channel) +
              line("release", pin.releaseName() + ", " + std::to_string(pin.size) + " bytes") +
              line("hosts", shown(selectorText(pin))) + line("fleet", pin.fleet.hex());
  return out;
}

Described describeCard(const statement::Card& card) {
  Described out;
  out.data.set("fleet", card.fleet.hex()).set("host", card.host()).set("label", card.label);
  out.data.set("groups", base::join(card.groups, " ")).set("counter", card.counter);
  out.lines = line("card", std::to_string(card.counter) + " of " + shown(card.label)) +
              line("host", card.host()) + line("groups", base::join(card.groups, " ")) +
              line("fleet", card.fleet.hex());
  return out;
}

/// The document of a statement, read by its kind.
Result<Described> describePayload(const SignedStatement& statement) {
  const std::string& payload = statement.unverifiedPayload();
  if (statement.typ() == Root::kTyp) {
    BELAY_ASSIGN(const Root root, Root::parse(payload));
    return describeRoot(root);
  }
  if (statement.typ() == Roster::kTyp) {
    BELAY_ASSIGN(const Roster roster, Roster::parse(payload));
    return describeRoster(roster);
  }
  if (statement.typ() == Pin::kTyp) {
    BELAY_ASSIGN(const Pin pin, Pin::parse(payload));
    return describePin(pin);
  }
  if (statement.typ() == statement::Card::kTyp) {
    BELAY_ASSIGN(const statement::Card card, statement::Card::parse(payload));
    return describeCard(card);
  }
  return Error{ErrorCode::kStatementKind,
               "a " + statement.typ() + " is neither a root document, nor a roster, nor a pin"};
}

}  // namespace

Result<std::string> readPassphrase(const Invocation& invocation, const std::string& prompt,
                                   bool again) {
  if (invocation.has("passphrase-file")) {
    BELAY_ASSIGN(std::string text,
                 base::readFile(invocation.flag("passphrase-file"), kPassphraseFileBytesMax));
    std::string first = text.substr(0, text.find('\n'));
    crypto::wipe(text);
    return first;
  }
  Console& console = invocation.world().console;
  BELAY_ASSIGN(std::string passphrase, console.readHidden(prompt + ": "));
  if (!again) return passphrase;
  BELAY_ASSIGN(std::string second, console.readHidden("again: "));
  const bool same = base::equalsInConstantTime(passphrase, second);
  crypto::wipe(second);
  if (same) return passphrase;
  crypto::wipe(passphrase);
  return Error{ErrorCode::kInvalidArgument, "the two passphrases differ"};
}

Result<crypto::KeyFile> readKeyFile(const std::string& path) {
  BELAY_ASSIGN(const base::UniqueFd fd, base::openForReading(path));
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return base::errnoError(errno, "stat " + path);
  if (!S_ISREG(info.st_mode) || (info.st_mode & 0077u) != 0) {
    return Error{ErrorCode::kKeyFile,
                 path + " must be a file that nobody else can read",
                 {"chmod 600 " + path}};
  }
  // The same descriptor is read, so that nobody puts another file in between.
  BELAY_ASSIGN(const std::string text, base::readFile("/proc/self/fd/" + std::to_string(fd.get()),
                                                      crypto::KeyFile::kFileBytesMax));
  auto file = crypto::KeyFile::parse(text);
  if (!file.ok()) return std::move(file).error().in(path);
  return file;
}

Result<crypto::P256PrivateKey> openSigningKey(const Invocation& invocation) {
  const std::string path = invocation.flag("key");
  if (path.empty()) {
    return Error{
        ErrorCode::kUsage, "--key FILE is missing: the key to sign with", {"belay key new FILE"}};
  }
  BELAY_ASSIGN(const crypto::KeyFile file, readKeyFile(path));
  BELAY_ASSIGN(std::string passphrase,
               readPassphrase(invocation, "passphrase of " + shown(path), false));
  auto key = file.unseal(passphrase);
  crypto::wipe(passphrase);
  if (!key.ok()) return std::move(key).error().in(path);
  return key;
}

Result<crypto::P256PublicKey> readPublicKeyFile(const std::string& path) {
  BELAY_ASSIGN(const std::string text, base::readFile(path, crypto::KeyFile::kFileBytesMax));
  auto key = crypto::parsePublicKeyFile(text);
  if (!key.ok()) return std::move(key).error().in(path);
  return key;
}

Result<SignedStatement> readStatement(const Invocation& invocation, const std::string& path) {
  BELAY_ASSIGN(const std::string text, readText(invocation, path, kStatementBytesMax));
  auto statement = SignedStatement::parse(text);
  if (!statement.ok()) return std::move(statement).error().in(path);
  return statement;
}

Status writeNew(const std::string& path, std::string_view content, unsigned mode) {
  if (base::fileExists(path)) {
    return Error{ErrorCode::kConflict, path + " is there already: name another file"};
  }
  return base::writeFileDurably(path, content, mode);
}

Result<SignedStatement> signFirst(const crypto::P256PrivateKey& key, std::string_view typ,
                                  const std::string& payload) {
  return SignedStatement::parse(statement::signJws(key, typ, payload));
}

Result<std::int64_t> numberFlag(const Invocation& invocation, std::string_view flag,
                                std::int64_t fallback) {
  if (!invocation.has(flag)) return fallback;
  const std::string text = invocation.flag(flag);
  const auto number = text.size() < 19 ? base::parseUnsigned(text) : std::nullopt;
  if (number && *number > 0) return static_cast<std::int64_t>(*number);
  return Error{ErrorCode::kUsage,
               "--" + std::string(flag) + " takes a number from 1, not \"" + shown(text) + "\""};
}

Result<std::pair<std::string, std::string>> splitPair(const std::string& text,
                                                      std::string_view flag) {
  const std::size_t at = text.find('=');
  if (at != 0 && at != std::string::npos && at + 1 < text.size()) {
    return std::pair{text.substr(0, at), text.substr(at + 1)};
  }
  return Error{ErrorCode::kUsage,
               "--" + std::string(flag) + " takes NAME=VALUE, not \"" + shown(text) + "\""};
}

Result<Described> describe(const SignedStatement& statement) {
  BELAY_ASSIGN(Described out, describePayload(statement));
  const std::string_view typ = statement.typ();
  constexpr std::size_t kBefore = 6, kAround = 10;  // "belay-" and "+jws"
  out.data.set("kind", typ.substr(kBefore, typ.size() - kAround));
  out.data.set("digest", statement.digest().hex());
  json::Array signers;
  for (const statement::Jws& jws : statement.signatures()) signers.emplace_back(jws.kid());
  out.data.set("signed_by", std::move(signers));
  out.lines += line("digest", statement.digest().hex());
  for (const statement::Jws& jws : statement.signatures())
    out.lines += line("signed by", jws.kid());
  return out;
}

Result<api::Envelope> signAndWrite(const Invocation& invocation, std::string_view typ,
                                   const std::string& payload, const std::string& file) {
  BELAY_ASSIGN(const crypto::P256PrivateKey key, openSigningKey(invocation));
  BELAY_ASSIGN(const SignedStatement statement, signFirst(key, typ, payload));
  BELAY_ASSIGN(Described described, describe(statement));
  BELAY_TRY(writeNew(file, statement.lines()));
  api::Envelope out;
  out.data = std::move(described.data);
  out.data.set("file", file);
  return out;
}

}  // namespace belay::cli
