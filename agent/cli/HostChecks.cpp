#include "agent/cli/HostChecks.h"

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <unistd.h>

#include <array>
#include <limits>
#include <utility>

#include "agent/journal/StateFolder.h"
#include "agent/cli/VaultAccess.h"
#include "agent/vault/HostKeys.h"
#include "common/base/Files.h"
#include "common/base/Text.h"
#include "common/base/Units.h"

namespace belay::cli {

using base::Status;
using Verdict = Check::Verdict;

namespace {

constexpr std::uint64_t kFreeLow = 1ull << 30;
constexpr std::uint64_t kFreeVeryLow = 64ull << 20;
constexpr std::int64_t kYear2024Ms = 1'704'067'200'000;

std::string actionOf(const base::Error& error, const std::string& otherwise) {
  return error.actions.empty() ? otherwise : error.actions.front();
}

Check checkSpace(const std::string& folder) {
  struct statvfs info {};
  if (::statvfs(folder.c_str(), &info) != 0)
    return {"disk space", Verdict::kWarn, "cannot be told for " + folder, ""};
  const std::uint64_t free = std::uint64_t{info.f_bavail} * info.f_frsize;
  const std::string message = base::formatBytes(free) + " free for " + folder;
  if (free < kFreeVeryLow)
    return {"disk space", Verdict::kFail, message,
            "make room, or belay journal prune --older-than 30d"};
  if (free < kFreeLow)
    return {"disk space", Verdict::kWarn, message, "belay journal prune --older-than 30d"};
  return {"disk space", Verdict::kOk, message, ""};
}

Check checkCertificates(const Invocation& invocation, const Installation& where) {
  constexpr std::array<const char*, 6> kBundles{"/etc/ssl/certs/ca-certificates.crt",
                                                "/etc/pki/tls/certs/ca-bundle.crt",
                                                "/etc/ssl/ca-bundle.pem",
                                                "/etc/pki/tls/cacert.pem",
                                                "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
                                                "/etc/ssl/cert.pem"};
  std::string named = where.settings.http.caFile;
  if (named.empty()) named = invocation.world().environment("SSL_CERT_FILE").value_or("");
  if (!named.empty()) {
    if (base::fileExists(named)) return {"certificates", Verdict::kOk, named, ""};
    return {"certificates", Verdict::kFail, named + " is not there",
            "correct http.ca_file or SSL_CERT_FILE"};
  }
  for (const char* bundle : kBundles) {
    if (base::fileExists(bundle)) return {"certificates", Verdict::kOk, bundle, ""};
  }
  return {"certificates", Verdict::kWarn,
          "no bundle of certificates was found: https will be refused",
          "install ca-certificates, or set http.ca_file"};
}

Check checkClock(const Invocation& invocation) {
  if (invocation.nowMs() < kYear2024Ms) {
    return {"clock", Verdict::kFail,
            "the clock stands at " + base::formatInstant(invocation.nowMs()), "set the clock"};
  }
  timex state{};
  const int status = ::adjtimex(&state);
  if (status == TIME_ERROR || (state.status & STA_UNSYNC) != 0) {
    return {"clock", Verdict::kInfo,
            "not synchronised as far as the kernel knows; durations do not depend on it", ""};
  }
  return {"clock", Verdict::kOk, "synchronised", ""};
}

Check checkPidfd() {
  const long fd = ::syscall(SYS_pidfd_open, ::getpid(), 0u);
  if (fd < 0) {
    return {"process handles", Verdict::kInfo,
            "the kernel has no pidfd (before 5.3): jobs are watched by their start time", ""};
  }
  ::close(static_cast<int>(fd));
  return {"process handles", Verdict::kOk, "pidfd", ""};
}

Check checkGit(const Invocation& invocation, const Installation& where) {
  const std::string path = where.settings.jobs.path.empty()
                               ? invocation.world().environment("PATH").value_or("")
                               : where.settings.jobs.path;
  for (const std::string_view folder : base::split(path, ':')) {
    const std::string candidate = std::string(folder) + "/git";
    if (::access(candidate.c_str(), X_OK) == 0) return {"git", Verdict::kOk, candidate, ""};
  }
  return {"git", Verdict::kInfo, "not in jobs.path; only flows that use it need it", ""};
}

}  // namespace

std::string_view verdictName(Verdict verdict) {
  switch (verdict) {
    case Verdict::kOk:
      return "ok";
    case Verdict::kInfo:
      return "info";
    case Verdict::kWarn:
      return "warn";
    case Verdict::kFail:
      break;
  }
  return "fail";
}

std::vector<Check> checkStateFolder(const Invocation& invocation, const Installation& where) {
  const std::string& folder = where.paths.stateFolder;
  struct stat info {};
  if (::stat(folder.c_str(), &info) != 0)
    return {{"state folder", Verdict::kFail, folder + " is not there", "belay init"}};
  // The system's belongs to the user of its daemon, and to nobody who only asks it.
  const uid_t self = invocation.world().uid;
  if (where.paths.system && self != 0 && self != info.st_uid)
    return {{"state folder", Verdict::kInfo,
             folder + " belongs to uid " + std::to_string(info.st_uid), ""},
            checkSpace(folder)};
  struct stat lock {};
  if (::lstat((folder + "/daemon.lock").c_str(), &lock) == 0 && lock.st_uid != info.st_uid)
    return {{"state folder", Verdict::kFail,
             folder + "/daemon.lock belongs to another user than its folder",
             "chown -R --reference=" + folder + " " + folder}};
  const Status safe =
      journal::checkStateFolder(where.layout().journal(), journal::FolderRules{true, false, {}});
  if (!safe)
    return {{"state folder", Verdict::kFail, safe.error().message,
             actionOf(safe.error(),
                      "belay explain " + std::string(base::errorText(safe.error().code)))}};
  if ((info.st_mode & S_IRWXO) != 0)
    return {{"state folder", Verdict::kWarn, folder + " can be entered by others",
             "chmod o-rwx " + folder},
            checkSpace(folder)};
  return {{"state folder", Verdict::kOk, folder, ""}, checkSpace(folder)};
}

std::vector<Check> checkKeys(const Invocation& invocation, const Installation& where) {
  const vault::HostKeys keys(
      {where.layout().keys(),
       invocation.world().environment("CREDENTIALS_DIRECTORY").value_or("")});
  struct stat info {};
  const bool foreign =
      ::stat(where.paths.stateFolder.c_str(), &info) == 0 && info.st_uid != invocation.world().uid;
  if (foreign)
    return {{"keys", Verdict::kInfo, "they belong to another user; ask again as that user", ""}};
  std::vector<Check> out;
  const auto local = keys.localKey();
  if (local)
    out.push_back({"signing key", Verdict::kOk, "kid " + local->publicKey().thumbprint(), ""});
  else
    out.push_back({"signing key", Verdict::kFail, local.error().message,
                   actionOf(local.error(), "belay init")});
  const vault::VaultKey key = vaultKeyOf(invocation, where);
  const auto sealing = keys.vaultKeyBytes();
  if (key.needsPassphrase())
    out.push_back({"vault key", Verdict::kOk, "protected by a passphrase", ""});
  else if (sealing)
    out.push_back({"vault key", Verdict::kOk, "readable, and closed to others", ""});
  else
    out.push_back({"vault key", Verdict::kFail, sealing.error().message,
                   actionOf(sealing.error(), "belay init")});
  return out;
}

std::vector<Check> checkHost(const Invocation& invocation, const Installation& where) {
  std::vector<Check> out;
  const bool zones = base::fileExists("/usr/share/zoneinfo");
  out.push_back(zones ? Check{"time zones", Verdict::kOk, "/usr/share/zoneinfo", ""}
                      : Check{"time zones", Verdict::kInfo,
                              "there is no /usr/share/zoneinfo: only UTC is known",
                              "install tzdata"});
  out.push_back(checkCertificates(invocation, where));
  out.push_back(checkClock(invocation));
  out.push_back(checkPidfd());
  out.push_back(checkGit(invocation, where));
  return out;
}

}  // namespace belay::cli
