#include <algorithm>
#include <iterator>

#include "agent/cli/Commands.h"
#include "agent/cli/HostChecks.h"
#include "agent/cli/LocalReads.h"
#include "agent/cli/PolicyFile.h"
#include "common/base/Files.h"
#include "version/Version.h"

namespace belay::cli {

using base::Error;
using base::ErrorCode;
using base::Result;
using json::Value;
using Verdict = Check::Verdict;

namespace {

/// Descriptors: a connection, a job and a request each take some.
constexpr std::int64_t kFilesLow = 1024;

std::string firstAction(const Error& error) {
  return error.actions.empty() ? "belay explain " + std::string(base::errorText(error.code))
                               : error.actions.front();
}

Check checkEnds(const Value& jobs) {
  if (jobs.text("kill") == "cgroup")
    return {"end of jobs", Verdict::kOk, "whole trees at once, by cgroup.kill", ""};
  return {"end of jobs", Verdict::kInfo,
          "whole trees by a sweep: the daemon has no cgroup of its own",
          "run it by systemd with Delegate=yes"};
}

/// What keeps jobs apart, what could, and what nothing does.
Check checkIsolation(const Value& jobs) {
  const std::string profile = jobs.text("profile");
  const std::string lacks = profile == "strong" ? jobs.text("strong") : jobs.text("user");
  if (profile == "bare") {
    return {
        "jobs", Verdict::kWarn,
        "profile bare: a job is the daemon's own user and can read its keys and journal, answer "
        "its approvals, and end the daemon; profile user: " +
            (lacks.empty() ? "can be asked for" : lacks),
        "docs/isolation.md: jobs.users and belay-spawner.socket"};
  }
  if (!lacks.empty()) {
    return {"jobs", Verdict::kFail,
            "profile " + profile + " is set, and no job can start: " + lacks,
            "belay explain BLY-JOB-PROFILE"};
  }
  std::string inForce = "own user, no new privileges, seccomp";
  inForce += profile == "strong" ? ", bubblewrap"
                                 : ", Landlock " + std::to_string(jobs.integer("landlock"));
  const std::string more = jobs.text("strong");
  if (profile == "user")
    inForce += more.empty() ? "; strong can be asked for" : "; no strong: " + more;
  return {"jobs", Verdict::kOk, "profile " + profile + ": " + inForce, ""};
}

/// The daemon's own, which has taken all that it may have.
Check checkFiles(std::int64_t allowed) {
  const bool low = allowed < kFilesLow;
  return {"open files", low ? Verdict::kWarn : Verdict::kOk, std::to_string(allowed) + " allowed",
          low ? "LimitNOFILE= of its unit, or ulimit -Hn before it starts" : ""};
}

std::vector<Check> checkDaemon(const Invocation& invocation, const Value& daemon) {
  std::vector<Check> out;
  const std::string version = daemon.text("version");
  const bool same = version == version::string();
  out.push_back({"daemon", same ? Verdict::kOk : Verdict::kWarn,
                 "version " + version + ", pid " + std::to_string(daemon.integer("pid")) +
                     ", started " + relative(daemon.text("started_at"), invocation.nowMs()) +
                     (same ? "" : "; this command is " + std::string(version::string())),
                 same ? "" : "restart the daemon"});
  if (const Value* you = daemon.find("you")) {
    out.push_back({"your role", Verdict::kOk, you->text("role"), ""});
  }
  if (daemon.find("open_files") != nullptr) out.push_back(checkFiles(daemon.integer("open_files")));
  if (const Value* jobs = daemon.find("jobs")) {
    out.push_back(checkEnds(*jobs));
    out.push_back(checkIsolation(*jobs));
    if (!jobs->flag("seccomp"))
      out.push_back({"daemon", Verdict::kWarn,
                     "the kernel has no seccomp: nothing keeps the daemon from executing programs",
                     ""});
  }
  return out;
}

/// The journal, seen through the daemon, or in its file.
Check checkJournal(Invocation& invocation) {
  const auto stats = invocation.get("/v1/journal/stats");
  const Error* error = !stats ? &stats.error() : stats->error ? &*stats->error : nullptr;
  if (error && error->code == ErrorCode::kDaemonUnreachable) {
    return {"journal", Verdict::kInfo, "there is none yet", "belay daemon"};
  }
  if (error) return {"journal", Verdict::kFail, error->message, firstAction(*error)};
  const Value* journal = stats->data.find("journal");
  if (journal && journal->flag("full_mode")) {
    return {"journal", Verdict::kFail,
            "the disk is full: only cancels, answers and prunes are taken",
            "belay journal prune --older-than 30d"};
  }
  return {"journal", Verdict::kOk,
          journal ? std::to_string(journal->integer("runs")) + " runs, " +
                        std::to_string(journal->integer("events")) + " events"
                  : "",
          ""};
}

Check checkStatements(const Value& trust, const Value& roster) {
  const Value* forks = trust.find("forks");
  if (forks && !forks->asArray().empty()) {
    return {"signed statements", Verdict::kWarn,
            std::to_string(forks->asArray().size()) + " that contradict others were refused",
            "belay trust show"};
  }
  const std::string version = "roster " + std::to_string(roster.integer("version"));
  if (roster.flag("stale")) {
    return {"signed statements", Verdict::kWarn,
            version + " is older than it may be: it answers no approval that is fresh",
            "belay trust install --roster FILE"};
  }
  return {"signed statements", Verdict::kOk, version, ""};
}

/// Flows whose approvals need less than an approver's own key, although there are approvers.
std::vector<Check> checkGates(const Installation& where, const Value& roster) {
  const Value* const keys = roster.find("keys");
  const bool asks = keys && keys->isArray() &&
                    std::any_of(keys->asArray().begin(), keys->asArray().end(),
                                [](const Value& key) { return key.text("role") == "approver"; });
  if (!asks) return {};
  const auto policy = readPolicy(where.paths.configFile, where.settings, where.paths.system);
  // Whoever may not read it is told so by the daemon.
  if (!policy) return {};
  std::string lowered;
  for (const trust::GateRule& rule : policy->loweredGates()) {
    lowered += (lowered.empty() ? "" : ", ") + rule.slug + " (" +
               std::string(trust::gateClassName(*rule.gateClass)) + ", by " + rule.label + ")";
  }
  if (lowered.empty()) return {{"approvals", Verdict::kOk, "all of class e2e", ""}};
  return {{"approvals", Verdict::kWarn, "below class e2e: " + lowered, "look at the policy file"}};
}

/// Forks and an old roster, and what asks less than it could; nothing where this host believes no
/// roster.
std::vector<Check> checkTrust(Invocation& invocation, const Installation& where) {
  const auto answer = invocation.get("/v1/trust");
  const Value* trust = answer && !answer->error ? answer->data.find("trust") : nullptr;
  const Value* roster = trust ? trust->find("roster") : nullptr;
  if (!roster) return {};
  std::vector<Check> out = checkGates(where, *roster);
  out.push_back(checkStatements(*trust, *roster));
  return out;
}

/// Nothing while all is well, and for those who may not read it: the daemon tells them.
std::vector<Check> checkPolicy(const Installation& where) {
  const auto policy = readPolicy(where.paths.configFile, where.settings, where.paths.system);
  if (policy || policy.error().code != ErrorCode::kSettingsInvalid) return {};
  return {{"policy", Verdict::kFail, policy.error().message, firstAction(policy.error())}};
}

/// Nothing while all is well: a host that is no copy needs no line.
std::vector<Check> checkQuarantine(Invocation& invocation) {
  const auto answer = invocation.get("/v1/host");
  const Value* const host = answer && !answer->error ? answer->data.find("host") : nullptr;
  const Value* const quarantine = host ? host->find("quarantine") : nullptr;
  if (!quarantine) return {};
  return {
      {"host", Verdict::kFail, "in quarantine: " + quarantine->text("message"), "belay host show"}};
}

/// Nothing without a link; what waits for the relay says whether an outage matters.
std::vector<Check> checkLink(Invocation& invocation) {
  const auto answer = invocation.get("/v1/link");
  const Value* const link = answer && !answer->error ? answer->data.find("link") : nullptr;
  if (!link || !link->flag("linked")) return {};
  const std::string relay = link->text("relay");
  const std::int64_t waiting = link->integer("outbox");
  const std::string backlog = waiting == 0 ? "" : "; " + std::to_string(waiting) + " wait for it";
  const auto now = invocation.get("/v1/link/state");
  const Value* const state = now && !now->error ? now->data.find("state") : nullptr;
  if (!state) return {{"link", Verdict::kInfo, relay + backlog + "; no daemon runs", ""}};
  const std::string phase = state->text("phase");
  if (phase == "connected") {
    std::vector<Check> out;
    if (const std::string alarm = state->text("alarm"); !alarm.empty())
      out.push_back({"link", Verdict::kWarn, relay + backlog + ", though " + shown(alarm),
                     "look at the clocks of host and relay (date), and renew the certificate"});
    if (const Value* held = link->find("held"))
      out.push_back({"link", Verdict::kWarn, relay + " has no room for " + heldText(*held),
                     "belay explain " + held->text("code")});
    if (out.empty()) out.push_back({"link", Verdict::kOk, relay + backlog, ""});
    return out;
  }
  const Value* const error = state->find("last_error");
  const std::string why = error ? ": " + error->text("message") : std::string();
  // To be offline is normal, and being there twice is not.
  const Verdict verdict = phase == "fenced" ? Verdict::kFail : Verdict::kWarn;
  const std::string action =
      error ? "belay explain " + error->text("code") : std::string("belay link status");
  return {{"link", verdict, relay + " is " + phase + why + backlog, action}};
}

std::vector<Check> allChecks(Invocation& invocation) {
  std::vector<Check> checks;
  const auto add = [&checks](std::vector<Check> more) {
    checks.insert(checks.end(), std::make_move_iterator(more.begin()),
                  std::make_move_iterator(more.end()));
  };
  const auto where = invocation.installation();
  if (!where) {
    const Error& error = where.error();
    const std::string at = error.place.line != 0 ? ":" + std::to_string(error.place.line) : "";
    checks.push_back({"settings", Verdict::kFail, error.place.file + at + " " + error.message,
                      firstAction(error)});
    return checks;
  }
  const Installation& found = **where;
  checks.push_back(found.hasConfigFile
                       ? Check{"settings", Verdict::kOk, found.paths.configFile, ""}
                       : Check{"settings", Verdict::kInfo,
                               "no " + found.paths.configFile + ": defaults are in force",
                               "belay init"});
  add(checkStateFolder(invocation, found));
  add(checkKeys(invocation, found));
  ApiRequest request;
  request.target = "/v1/daemon";
  const auto daemon = invocation.send(request);
  if (!daemon)
    checks.push_back(
        {"daemon", Verdict::kWarn, daemon.error().message, firstAction(daemon.error())});
  else if (daemon->error)
    checks.push_back(
        {"daemon", Verdict::kFail, daemon->error->message, firstAction(*daemon->error)});
  else
    add(checkDaemon(invocation, daemon->data));
  checks.push_back(checkJournal(invocation));
  add(checkQuarantine(invocation));
  add(checkLink(invocation));
  add(checkPolicy(found));
  add(checkTrust(invocation, found));
  add(checkHost(invocation, found));
  return checks;
}

Result<api::Envelope> examine(Invocation& invocation) {
  const std::vector<Check> checks = allChecks(invocation);
  api::Envelope out;
  json::Array list;
  std::size_t failed = 0;
  for (const Check& check : checks) {
    Value entry;
    entry.set("check", check.name)
        .set("verdict", verdictName(check.verdict))
        .set("message", check.message);
    if (!check.action.empty()) entry.set("action", invocation.suggested(check.action));
    list.push_back(std::move(entry));
    failed += check.verdict == Verdict::kFail ? 1 : 0;
  }
  out.data.set("checks", std::move(list));
  if (failed != 0) {
    out.error = Error{ErrorCode::kDoctor, std::to_string(failed) + " of " +
                                              std::to_string(checks.size()) + " checks failed"};
  }
  return out;
}

std::string print(const Invocation& invocation, const Value& data) {
  Table table({"", "CHECK", "FOUND", "DO"});
  for (const Value& check : data.find("checks")->asArray()) {
    const std::string verdict = check.text("verdict");
    table.row({{verdict, Style::toneOf(verdict)},
               check.text("check"),
               check.text("message"),
               check.text("action")});
  }
  return table.print(Style(invocation.style().color(), 0));
}

}  // namespace

const Command kDoctorCommand{"doctor",
                             "",
                             "check this host: settings, folders, keys, daemon, journal, kernel",
                             "Looks and changes nothing. The exit code is 1 when a check failed.",
                             {},
                             &examine,
                             &print};

}  // namespace belay::cli
