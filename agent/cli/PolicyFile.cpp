#include "agent/cli/PolicyFile.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "common/base/Files.h"
#include "common/yaml/Yaml.h"

namespace belay::cli {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

constexpr std::uint64_t kFileBytesMax = 1u << 20;

/// Whoever may change the policy decides in the host's place.
Status checkGuarded(const std::string& path, const struct stat& info, bool system) {
  const bool owned = info.st_uid == 0 || (!system && info.st_uid == ::geteuid());
  const bool shared = (info.st_mode & (S_IWGRP | S_IWOTH)) != 0;
  // In a folder as /tmp only the owner of a file renames it.
  const bool sticky = S_ISDIR(info.st_mode) && (info.st_mode & S_ISVTX) != 0;
  if (owned && (!shared || sticky)) return {};
  const std::string owner = system ? "root" : "root or the user of the daemon";
  return Error{ErrorCode::kSettingsInvalid,
               path + " is the policy of this host, or its folder, and " +
                   (owned ? "others may write to it" : "does not belong to " + owner),
               {owned ? "chmod go-w " + path : "chown root " + path}};
}

/// Read from the descriptor that was looked at, so that nobody puts another file in between.
Result<std::string> readGuarded(const std::string& path, bool system) {
  const std::string folder = path.substr(0, path.rfind('/') + 1);
  struct stat info {};
  if (::stat(folder.empty() ? "." : folder.c_str(), &info) != 0) {
    return base::errnoError(errno, "stat " + folder);
  }
  BELAY_TRY(checkGuarded(folder, info, system));
  BELAY_ASSIGN(const base::UniqueFd fd, base::openForReading(path));
  if (::fstat(fd.get(), &info) != 0) return base::errnoError(errno, "stat " + path);
  BELAY_TRY(checkGuarded(path, info, system));
  return base::readFile("/proc/self/fd/" + std::to_string(fd.get()), kFileBytesMax);
}

}  // namespace

Error placed(Error error, const yaml::Document& document, const std::string& file) {
  const yaml::Mark mark = document.placeOf(error.place.pointer).value;
  error.place.file = file;
  error.place.line = mark.line;
  error.place.column = mark.column;
  return std::move(error).in(file + ":" + std::to_string(mark.line) + ":" +
                             std::to_string(mark.column));
}

Result<trust::Policy> readPolicy(const std::string& configFile, const settings::Settings& settings,
                                 bool system) {
  const std::string beside = configFile.substr(0, configFile.rfind('/') + 1) + "policy.yaml";
  const std::string file = settings.policyFile.empty() ? beside : settings.policyFile;
  if (settings.policyFile.empty() && !base::fileExists(file)) {
    return system ? trust::Policy::denyAll(file) : trust::Policy::builtInForUser(file);
  }
  // A policy that is there and cannot be read denies everything: no daemon starts without it.
  BELAY_ASSIGN(const std::string text, readGuarded(file, system));
  auto document = yaml::parse(text);
  if (!document) return std::move(document).error().in(file);
  auto policy = trust::Policy::parse(document->root, file, &base::resolvePath);
  if (policy) return policy;
  return placed(std::move(policy).error(), *document, file);
}

}  // namespace belay::cli
