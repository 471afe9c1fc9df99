#include "agent/api/Accounts.h"

#include <sys/stat.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "common/base/Files.h"
#include "common/base/Text.h"

namespace belay::api {

using base::Error;
using base::ErrorCode;
using base::Result;

namespace {

constexpr std::uint64_t kAccountFileBytesMax = 16u << 20;

std::optional<std::uint32_t> idFrom(std::string_view text) {
  const auto number = base::parseUnsigned(text);
  // The largest value means "no id" to the kernel.
  if (!number || *number >= std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
  return static_cast<std::uint32_t>(*number);
}

}  // namespace

Accounts::Accounts(std::string_view passwd, std::string_view group) {
  for (const std::string_view line : base::split(passwd, '\n')) {
    const auto fields = base::split(line, ':');
    if (fields.size() < 6 || fields[0].empty()) continue;
    const auto uid = idFrom(fields[2]);
    const auto gid = idFrom(fields[3]);
    if (!uid || !gid) continue;
    // The first line of an id or a name counts, as in the C library.
    users_.try_emplace(*uid, User{std::string(fields[0]), std::string(fields[5]), *gid});
    uids_.try_emplace(std::string(fields[0]), *uid);
  }
  for (const std::string_view line : base::split(group, '\n')) {
    const auto fields = base::split(line, ':');
    if (fields.size() < 4 || fields[0].empty()) continue;
    const auto gid = idFrom(fields[2]);
    if (!gid) continue;
    gids_.try_emplace(std::string(fields[0]), *gid);
    for (const std::string_view member : base::split(fields[3], ',')) {
      if (!member.empty()) members_[*gid].emplace(member);
    }
  }
}

std::optional<std::string> Accounts::nameOf(uid_t uid) const {
  const auto found = users_.find(uid);
  return found == users_.end() ? std::nullopt : std::optional(found->second.name);
}

std::optional<uid_t> Accounts::uidOf(std::string_view name) const {
  const auto found = uids_.find(name);
  return found == uids_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<gid_t> Accounts::gidOf(std::string_view group) const {
  const auto found = gids_.find(group);
  return found == gids_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<gid_t> Accounts::groupOf(uid_t uid) const {
  const auto found = users_.find(uid);
  return found == users_.end() ? std::nullopt : std::optional(found->second.gid);
}

std::string Accounts::homeOf(uid_t uid) const {
  const auto found = users_.find(uid);
  return found == users_.end() ? std::string() : found->second.home;
}

bool Accounts::isMember(uid_t uid, gid_t gid) const {
  const auto user = users_.find(uid);
  if (user == users_.end()) return false;
  if (user->second.gid == gid) return true;
  const auto members = members_.find(gid);
  return members != members_.end() && members->second.contains(user->second.name);
}

AccountFiles::Stamp AccountFiles::stampOf(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return {};
  return Stamp{info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec, info.st_ino,
               info.st_size};
}

const Accounts& AccountFiles::current() {
  const Stamp passwd = stampOf(passwd_);
  const Stamp group = stampOf(group_);
  if (passwd == passwdStamp_ && group == groupStamp_) return accounts_;
  const auto passwdText = base::readFile(passwd_, kAccountFileBytesMax);
  const auto groupText = base::readFile(group_, kAccountFileBytesMax);
  // Without the files nobody has a name and no group a member: less is allowed, never more.
  accounts_ = Accounts(passwdText ? *passwdText : "", groupText ? *groupText : "");
  passwdStamp_ = passwd;
  groupStamp_ = group;
  return accounts_;
}

std::string_view roleName(Role role) {
  switch (role) {
    case Role::kOperator:
      return "operator";
    case Role::kReader:
      return "reader";
    case Role::kNone:
      break;
  }
  return "none";
}

Access::Access(Members operators, Members readers, uid_t ownUid, AccountFiles files)
    : operators_(std::move(operators)),
      readers_(std::move(readers)),
      ownUid_(ownUid),
      files_(std::move(files)) {}

Result<Access> Access::create(const std::vector<std::string>& operators,
                              const std::vector<std::string>& readers, uid_t ownUid,
                              AccountFiles files) {
  BELAY_ASSIGN(Members mayChange, resolve(operators, "api.operators", files.current()));
  BELAY_ASSIGN(Members mayLook, resolve(readers, "api.readers", files.current()));
  return Access(std::move(mayChange), std::move(mayLook), ownUid, std::move(files));
}

Result<Access::Members> Access::resolve(const std::vector<std::string>& entries,
                                        const std::string& setting, const Accounts& accounts) {
  constexpr std::string_view kGroup = "group:";
  Members members;
  for (const std::string& entry : entries) {
    const bool isGroup = entry.starts_with(kGroup);
    const std::string_view name = isGroup ? std::string_view(entry).substr(kGroup.size()) : entry;
    auto id = idFrom(name);
    if (!id) id = isGroup ? accounts.gidOf(name) : accounts.uidOf(name);
    if (!id) {
      return Error{ErrorCode::kSettingsInvalid,
                   setting + ": there is no " + (isGroup ? "group" : "user") + " \"" +
                       base::visible(name) + "\" in " + (isGroup ? "/etc/group" : "/etc/passwd"),
                   {"write the number instead, where another name service knows it"}};
    }
    if (isGroup)
      members.groups.insert(*id);
    else
      members.users.insert(*id);
  }
  return members;
}

bool Access::holds(const Members& members, const http::PeerCredentials& peer,
                   const Accounts& accounts) {
  if (members.users.contains(peer.uid) || members.groups.contains(peer.gid)) return true;
  return std::any_of(members.groups.begin(), members.groups.end(),
                     [&](gid_t gid) { return accounts.isMember(peer.uid, gid); });
}

Caller Access::callerOf(const http::PeerCredentials& peer) {
  const Accounts& accounts = files_.current();
  Caller caller{peer.uid, accounts.nameOf(peer.uid).value_or(""), Role::kNone};
  if (peer.uid == 0 || peer.uid == ownUid_ || holds(operators_, peer, accounts)) {
    caller.role = Role::kOperator;
  } else if (holds(readers_, peer, accounts)) {
    caller.role = Role::kReader;
  }
  return caller;
}

base::Status makeSocketFolder(const std::string& folder, bool others) {
  if (!others || base::fileExists(folder)) return base::makeFolders(folder);
  const std::size_t slash = folder.rfind('/');
  if (slash != 0 && slash != std::string::npos)
    BELAY_TRY(makeSocketFolder(folder.substr(0, slash), others));
  BELAY_TRY(base::makeFolders(folder));
  constexpr mode_t kEntered = 0711;
  if (::chmod(folder.c_str(), kEntered) == 0) return {};
  return base::errnoError(errno, "chmod " + folder);
}

}  // namespace belay::api
