#include "agent/cli/Commands.h"
#include "agent/cli/NextRoster.h"
#include "agent/cli/Signing.h"
#include "common/base/Files.h"

// trust sign and pin sign: one more signature for a statement that somebody else has made.

namespace belay::cli {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using json::Value;
using statement::SignedStatement;

namespace {

constexpr Flag kFlags[] = {kKeyFlag, kPassphraseFlag};
constexpr Flag kTrustFlags[] = {
    {"root", 0, "FILE",
     "the root document: refuse to sign a roster with a key that it does not have"},
    kKeyFlag,
    kPassphraseFlag};

/// A roster, as hosts with this root document will look at it.
Status checkRoot(const Invocation& invocation, const SignedStatement& statement) {
  if (statement.typ() != statement::Roster::kTyp) {
    return Error{ErrorCode::kUsage, "--root goes with a roster, not with a " + statement.typ()};
  }
  BELAY_ASSIGN(const auto file, readStatement(invocation, invocation.flag("root")));
  BELAY_ASSIGN(const auto root, statement::verifyFirstRoot(file, file.digest()));
  BELAY_ASSIGN(const auto roster, statement::Roster::parse(statement.unverifiedPayload()));
  return checkRosterSigner(invocation, root.document(), roster);
}

/// Signs what it has read and shown, of a kind that the command is for, and nothing else.
Result<api::Envelope> addSignature(Invocation& invocation, bool pins) {
  const std::string& file = invocation.argument(0);
  BELAY_ASSIGN(const SignedStatement statement, readStatement(invocation, file));
  if ((statement.typ() == statement::Pin::kTyp) != pins) {
    return Error{ErrorCode::kStatementKind,
                 file + " is a " + statement.typ(),
                 {(pins ? "belay trust sign " : "belay pin sign ") + file}};
  }
  BELAY_ASSIGN(const Described before, describe(statement));
  if (invocation.has("root")) BELAY_TRY(checkRoot(invocation, statement));
  invocation.note(before.lines.substr(0, before.lines.size() - 1));
  BELAY_ASSIGN(const crypto::P256PrivateKey key, openSigningKey(invocation));
  BELAY_ASSIGN(
      const SignedStatement next,
      statement.with(statement::signJws(key, statement.typ(), statement.unverifiedPayload())));
  BELAY_TRY(base::writeFileDurably(file, next.lines(), 0644));
  BELAY_ASSIGN(Described after, describe(next));
  api::Envelope out;
  out.data = std::move(after.data);
  out.data.set("file", file).set("key", key.publicKey().thumbprint());
  return out;
}

Result<api::Envelope> signTrust(Invocation& invocation) { return addSignature(invocation, false); }
Result<api::Envelope> signPin(Invocation& invocation) { return addSignature(invocation, true); }

std::string print(const Invocation&, const Value& data) {
  const Value* signers = data.find("signed_by");
  return "signed " + data.text("kind") + " " + data.text("digest") + "; " +
         std::to_string(signers ? signers->asArray().size() : 0) + " signatures\n";
}

}  // namespace

const Command kTrustSignCommand{
    "trust sign",
    "FILE",
    "add your signature to a root document or a roster",
    "Reads the statement strictly, shows what it says, and adds a line to FILE.",
    kTrustFlags,
    &signTrust,
    &print,
    Completes::kFile};

const Command kPinSignCommand{
    "pin sign",
    "FILE",
    "add your signature to a pin",
    "Reads the pin strictly, shows what it says, and adds a line to FILE.",
    kFlags,
    &signPin,
    &print,
    Completes::kFile};

}  // namespace belay::cli
