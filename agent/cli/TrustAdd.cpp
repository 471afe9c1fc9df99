#include "agent/cli/Commands.h"
#include "agent/cli/NextRoster.h"

// trust add-…: the next version of a roster, with one more key of one role.

namespace belay::cli {

using base::Error;
using base::ErrorCode;
using base::Result;
using statement::KeyClass;
using statement::Role;
using statement::Roster;

namespace {

constexpr Flag kThumbprintFlag{"thumbprint", 0, "KID",
                               "refuse FILE.pub unless its thumbprint is this"};
constexpr Flag kFlags[] = {kRootFlag, kRootBeforeFlag, kThumbprintFlag, kKeyFlag, kPassphraseFlag};
constexpr Flag kApproverFlags[] = {kRootFlag,       kRootBeforeFlag,
                                   kThumbprintFlag, {"class", 0, "CLASS", "e2e (default), or page"},
                                   kKeyFlag,        kPassphraseFlag};
constexpr Flag kBotFlags[] = {kRootFlag,
                              kRootBeforeFlag,
                              kThumbprintFlag,
                              {"identity", 0, "PERSON=ID",
                               "a chat account that the bot may attest, as ada=slack:T1/U2", true},
                              kKeyFlag,
                              kPassphraseFlag};

Result<KeyClass> classOf(const Invocation& invocation, Role role) {
  const std::string name = invocation.flag("class");
  if (name.empty()) return usualClass(role);
  for (const KeyClass each : {KeyClass::kE2e, KeyClass::kPage}) {
    if (statement::keyClassName(each) == name) return each;
  }
  return Error{ErrorCode::kUsage, "--class takes e2e or page"};
}

Result<api::Envelope> addKey(Invocation& invocation, Role role) {
  BELAY_ASSIGN(const RosterBefore before, readRosterBefore(invocation, invocation.argument(0)));
  BELAY_ASSIGN(crypto::P256PublicKey key, readPublicKeyFile(invocation.argument(2)));
  const std::string kid = key.thumbprint();
  if (invocation.has("thumbprint") && invocation.flag("thumbprint") != kid) {
    return Error{ErrorCode::kKeyFile, invocation.argument(2) + " is key " + kid + ", not " +
                                          shown(invocation.flag("thumbprint"))};
  }
  invocation.note("key " + kid + " of " + shown(invocation.argument(1)));
  Roster roster = before.roster;
  BELAY_ASSIGN(const KeyClass keyClass, classOf(invocation, role));
  roster.keys.push_back({std::move(key), role, keyClass, invocation.argument(1)});
  for (const std::string& text : invocation.flags("identity")) {
    BELAY_ASSIGN(const auto pair, splitPair(text, "identity"));
    roster.identities.push_back({pair.second, pair.first, kid});
  }
  return writeNextRoster(invocation, before, std::move(roster), invocation.argument(3));
}

template <Role role>
Result<api::Envelope> add(Invocation& invocation) {
  return addKey(invocation, role);
}

constexpr std::string_view kArguments = "ROSTER PERSON FILE.pub OUT";

}  // namespace

const Command kTrustAddSignerCommand{
    "trust add-signer",
    kArguments,
    "make the next version of a roster, with one more key that signs pins",
    "The same as `belay trust roster ROSTER OUT --add release-signer:PERSON=FILE.pub`. Two keys of "
    "one PERSON count as one.",
    kFlags,
    &add<Role::kReleaseSigner>,
    &printNextRoster,
    Completes::kFile};

const Command kTrustAddApproverCommand{
    "trust add-approver",
    kArguments,
    "make the next version of a roster, with one more key that decides about approvals",
    "From then on the approvals of hosts with this roster are for people of the roster, unless "
    "their policy says otherwise. The thumbprint of FILE.pub comes by another way than the file. "
    "Two keys of one PERSON count as one.",
    kApproverFlags,
    &add<Role::kApprover>,
    &printNextRoster,
    Completes::kFile};

const Command kTrustAddBotCommand{
    "trust add-bot",
    kArguments,
    "make the next version of a roster, with one more chat bot and the accounts that it may attest",
    "Its decisions are of class bot, for approvals whose policy says that class. All that one bot "
    "attests counts as one.",
    kBotFlags,
    &add<Role::kBot>,
    &printNextRoster,
    Completes::kFile};

const Command kTrustAddStarterCommand{
    "trust add-starter",
    kArguments,
    "make the next version of a roster, with one more key that may start flows",
    "The same as `belay trust roster ROSTER OUT --add starter:PERSON=FILE.pub`.",
    kFlags,
    &add<Role::kStarter>,
    &printNextRoster,
    Completes::kFile};

const Command kTrustAddRegistrarCommand{
    "trust add-registrar",
    kArguments,
    "make the next version of a roster, with one more key that signs cards of hosts",
    "The same as `belay trust roster ROSTER OUT --add registrar:PERSON=FILE.pub`.",
    kFlags,
    &add<Role::kRegistrar>,
    &printNextRoster,
    Completes::kFile};

}  // namespace belay::cli
