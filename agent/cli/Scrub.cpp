#include <memory>
#include <optional>

#include "agent/cli/Commands.h"
#include "agent/cli/Inputs.h"
#include "agent/cli/Installation.h"
#include "agent/cli/LocalReads.h"
#include "agent/cli/VaultAccess.h"
#include "agent/journal/JournalScrub.h"
#include "agent/scrub/HostFiles.h"
#include "agent/scrub/ScrubForms.h"
#include "common/base/Files.h"
#include "common/redaction/Redactor.h"

// scrub: takes a value out of all that the host keeps.

namespace belay::cli {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using json::Value;
using redaction::Redactor;
using vault::SecretValue;

namespace {

constexpr std::size_t kShortValue = 8;
constexpr std::uint64_t kMany = 10'000;
constexpr std::string_view kGivenName = "SCRUBBED";
constexpr Flag kFlags[] = {
    {"value-stdin", 0, "", "look for the value on standard input too: one that the vault has not"},
    {"apply", 0, "", "take it out; without this nothing is changed"},
    {"dry-run", 0, "", "only say where it is (this is the default)"},
    {"force", 0, "", "also a value under 8 bytes, in a name, or there more than 10,000 times"},
    {"backup", 0, "FILE", "in this copy of the journal too", true},
    {"passphrase-file", 0, "FILE", "the vault's passphrase"}};

struct Wanted {
  Redactor values;
  std::string names;
  json::Array versions;  ///< Of the secrets that have had others.
};

Status addValue(Invocation& invocation, std::string_view name, const SecretValue& value,
                Wanted& wanted) {
  if (value.size() < kShortValue && !invocation.has("force")) {
    return Error{ErrorCode::kInvalidArgument,
                 shown(std::string(name)) + " has less than " + std::to_string(kShortValue) +
                     " bytes: it would be found where it is none, so look at what it finds",
                 {invocation.again(" --force")}};
  }
  if (!scrub::addForms(wanted.values, name, value)) {
    return Error{ErrorCode::kInvalidArgument,
                 shown(std::string(name)) + " has less than " +
                     std::to_string(Redactor::kShortest) + " bytes: that is not looked for"};
  }
  if (!wanted.names.empty()) wanted.names += ' ';
  wanted.names += name;
  return {};
}

Status addSecrets(Invocation& invocation, const Installation& where, Wanted& wanted) {
  const auto& names = invocation.arguments().positionals;
  if (names.empty()) return {};
  std::optional<SecretValue> passphrase;
  const vault::VaultKey key = vaultKeyOf(invocation, where);
  if (key.needsPassphrase()) {
    BELAY_ASSIGN(passphrase, readPassphrase(invocation, "passphrase-file"));
  }
  BELAY_ASSIGN(const vault::VaultKey::Opened opened, key.open(passphrase ? &*passphrase : nullptr));
  for (const std::string& name : names) {
    BELAY_ASSIGN(const vault::Secret secret, opened.vault->secret(name));
    BELAY_TRY(addValue(invocation, name, secret.value, wanted));
    if (secret.version < 2) continue;
    Value each;
    each.set("name", name).set("version", static_cast<std::int64_t>(secret.version));
    wanted.versions.push_back(std::move(each));
  }
  return {};
}

Status addGiven(Invocation& invocation, Wanted& wanted) {
  if (!invocation.has("value-stdin")) return {};
  Console& console = invocation.world().console;
  std::string text;
  if (console.inputIsTerminal()) {
    BELAY_ASSIGN(text, console.readHidden("value to be taken out: "));
  } else {
    BELAY_ASSIGN(text, console.readInput(kInputBytesMax));
    if (text.ends_with('\n')) text.pop_back();
  }
  return addValue(invocation, kGivenName, SecretValue::take(std::move(text)), wanted);
}

/// One scrub of the host, looked at or done.
class Scrub {
 public:
  Scrub(Invocation& invocation, const Installation& where, const Wanted& wanted,
        journal::Journal& journal, resources::ResourceStore& store)
      : invocation_(invocation), where_(where), wanted_(wanted), journal_(journal), store_(store) {}

  Status perform(bool apply) {
    places_.clear();
    const std::string state = where_.layout().folder;
    const std::string& others = where_.settings.jobs.userFolder;
    scrub::HostFiles files(state, others.empty() ? state + "-jobs" : others, store_,
                           wanted_.values);
    BELAY_TRY(files.prepare(apply));
    journal::ScrubPlan plan{wanted_.values, wanted_.names, by(), apply, {}, {}};
    if (apply) files.describe(plan);
    BELAY_ASSIGN(const journal::ScrubReport report, journal_.scrub(plan));
    names_ = report.names;
    if (apply) BELAY_TRY(files.finish());
    for (const journal::ScrubPlace& place : report.places) add("journal: " + place.name, place);
    for (const journal::ScrubPlace& place : files.places()) add(place.name, place);
    plan.elsewhere.clear();
    if (apply) plan.contents = report.contents;
    for (const std::string& backup : invocation_.flags("backup"))
      BELAY_TRY(performOn(backup, plan));
    return {};
  }

  /// Names of flows and steps that would be others.
  std::uint64_t names() const { return names_; }

  std::uint64_t toMask() const {
    std::uint64_t out = 0;
    for (const journal::ScrubPlace& place : places_) out += place.kept ? 0 : place.found;
    return out;
  }

  Value toJson(bool applied) const {
    json::Array places;
    for (const journal::ScrubPlace& place : places_) {
      Value each;
      each.set("place", place.name).set("rows", place.rows).set("found", place.found);
      each.set("kept", place.kept);
      places.push_back(std::move(each));
    }
    Value data;
    data.set("versions", wanted_.versions);
    data.set("applied", applied).set("masked", toMask()).set("places", std::move(places));
    return data;
  }

 private:
  std::string by() const { return "uid:" + std::to_string(invocation_.world().uid); }

  void add(std::string name, journal::ScrubPlace place) {
    place.name = std::move(name);
    places_.push_back(std::move(place));
  }

  Status performOn(const std::string& backup, const journal::ScrubPlan& plan) {
    if (!base::fileExists(backup))
      return Error{ErrorCode::kInvalidArgument, "--backup " + shown(backup) + ": there is no such file"};
    BELAY_ASSIGN(const auto copy,
                 openJournalAt(backup, invocation_.world().clock, !invocation_.has("apply")));
    BELAY_ASSIGN(const journal::ScrubReport report, copy->scrub(plan));
    for (const journal::ScrubPlace& place : report.places)
      add(backup + ": " + place.name, place);
    return copy->close();
  }

  Invocation& invocation_;
  const Installation& where_;
  const Wanted& wanted_;
  journal::Journal& journal_;
  resources::ResourceStore& store_;
  std::vector<journal::ScrubPlace> places_;
  std::uint64_t names_ = 0;
};

Result<api::Envelope> run(Invocation& invocation) {
  if (invocation.arguments().positionals.empty() && !invocation.has("value-stdin")) {
    return Error{ErrorCode::kUsage, "name a secret, or give a value on standard input",
                 {"belay scrub NAME", "belay scrub --value-stdin < FILE"}};
  }
  if (invocation.has("apply") && invocation.has("dry-run"))
    return Error{ErrorCode::kUsage, "--apply and --dry-run exclude each other"};
  BELAY_ASSIGN(const Installation* where, invocation.installation());
  // A daemon would go on with texts that it has in memory, and write them down again.
  auto journal = openJournal(*where, invocation.world().clock, !invocation.has("apply"));
  if (!journal) {
    if (journal.error().code != ErrorCode::kJournalLocked) return std::move(journal).error();
    return Error{ErrorCode::kConflict, "the daemon holds the journal open: stop it first",
                 {invocation.stopCommand(), invocation.again()}};
  }
  Wanted wanted;
  BELAY_TRY(addSecrets(invocation, *where, wanted));
  BELAY_TRY(addGiven(invocation, wanted));
  BELAY_ASSIGN(const auto store,
               resources::ResourceStore::open(where->layout().resources(), invocation.world().clock,
                                              invocation.world().random));
  Scrub scrub(invocation, *where, wanted, **journal, *store);
  BELAY_TRY(scrub.perform(false));
  const bool apply = invocation.has("apply");
  if (apply && scrub.toMask() > kMany && !invocation.has("force")) {
    return Error{ErrorCode::kLimit,
                 "it is there " + std::to_string(scrub.toMask()) + " times, more than " +
                     std::to_string(kMany) + ": it may be more than a secret",
                 {invocation.again(" --force")}};
  }
  if (apply && scrub.names() > 0 && !invocation.has("force")) {
    return Error{ErrorCode::kInvalidArgument,
                 "it stands in the names of " + std::to_string(scrub.names()) +
                     " flows or steps, by which runs are found and go on",
                 {invocation.again(" --force")}};
  }
  if (apply) BELAY_TRY(scrub.perform(true));
  BELAY_TRY((*journal)->close());
  api::Envelope out;
  out.data = scrub.toJson(apply);
  return out;
}

std::string show(const Invocation& invocation, const Value& data) {
  const bool applied = data.flag("applied");
  Table table({"PLACE", "IN", "FOUND", ""});
  bool kept = false;
  for (const Value& each : data.find("versions")->asArray())
    invocation.note(shown(each.text("name")) + ": only version " +
                    std::to_string(each.integer("version")) +
                    " is looked for; give earlier values by --value-stdin");
  for (const Value& place : data.find("places")->asArray()) {
    kept = kept || place.flag("kept");
    const char* what = place.flag("kept") ? "kept" : applied ? "masked" : "would be masked";
    table.row({shown(place.text("place")), std::to_string(place.integer("rows")),
               std::to_string(place.integer("found")), what});
  }
  if (kept)
    invocation.note("what is kept is signed, named by its digest or somebody else's: change the secret");
  if (table.empty()) {
    invocation.note(applied ? "found nowhere; the journal was written anew" : "found nowhere");
    return "";
  }
  if (!applied) invocation.note("nothing was changed: belay scrub --apply does");
  return table.print(invocation.style());
}

}  // namespace

const Command kScrubCommand{
    "scrub",
    "[NAME…]",
    "take the value of a secret out of all that this host keeps",
    "For what leaked before the value was a secret. While no daemon runs. Looks in the journal, in "
    "resources and in what jobs wrote, for the value itself and its usual encodings, and says how "
    "often it is where; with --apply it is masked by as many bytes. A resource gets a new digest, "
    "and the journal's references follow. Flows and signed statements are only told of. The journal "
    "keeps a record of it (journal verify), and is written anew without the old texts. Killed at any "
    "moment, it can be run again. Of a secret only the present value is looked for. Change the secret "
    "first: what has leaked is known to somebody.",
    kFlags,
    &run,
    &show};

}  // namespace belay::cli
