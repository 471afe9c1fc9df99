#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/Result.h"
#include "common/http/Handler.h"

namespace belay::api {

/// The users and groups of a host, as /etc/passwd and /etc/group list them. Read directly: a static
/// program has no other name services. Users of LDAP and the like are known by their numbers.
///
/// Threads: any.
class Accounts {
 public:
  Accounts() = default;
  Accounts(std::string_view passwd, std::string_view group);

  /// Nothing when the user has no name here.
  std::optional<std::string> nameOf(uid_t uid) const;
  std::optional<uid_t> uidOf(std::string_view name) const;
  std::optional<gid_t> gidOf(std::string_view group) const;
  /// The user's own group.
  std::optional<gid_t> groupOf(uid_t uid) const;
  /// Home folder; empty when it is not known.
  std::string homeOf(uid_t uid) const;
  /// True when the group lists the user as a member, or is the user's own group.
  bool isMember(uid_t uid, gid_t gid) const;

 private:
  struct User {
    std::string name;
    std::string home;
    gid_t gid = 0;
  };
  std::map<uid_t, User> users_;
  std::map<std::string, uid_t, std::less<>> uids_;
  std::map<std::string, gid_t, std::less<>> gids_;
  std::map<gid_t, std::set<std::string, std::less<>>> members_;
};

/// Reads both files anew when one of them has changed.
///
/// Threads: owner.
class AccountFiles {
 public:
  explicit AccountFiles(std::string passwd = "/etc/passwd", std::string group = "/etc/group")
      : passwd_(std::move(passwd)), group_(std::move(group)) {}

  const Accounts& current();

 private:
  struct Stamp {
    std::int64_t ns = 0;
    std::uint64_t inode = 0;
    std::int64_t size = 0;
    bool operator==(const Stamp&) const = default;
  };
  static Stamp stampOf(const std::string& path);

  const std::string passwd_;
  const std::string group_;
  Stamp passwdStamp_;
  Stamp groupStamp_;
  Accounts accounts_;
};

enum class Role { kNone, kReader, kOperator };
std::string_view roleName(Role role);

/// Who asks, as the kernel says.
struct Caller {
  uid_t uid = 0;
  std::string name;  ///< Empty: unknown.
  Role role = Role::kNone;

  /// "uid:1000": what is signed.
  std::string person() const { return "uid:" + std::to_string(uid); }
  /// "uid:1000 (alice)": what the journal shows.
  std::string shown() const { return name.empty() ? person() : person() + " (" + name + ")"; }
};

/// Decides what a peer of the socket may do: root and the daemon's own user everything, those that
/// the settings list what the list says, everybody else nothing.
///
/// Threads: owner (the thread of the server).
class Access {
 public:
  /// Errors: kSettingsInvalid for an entry that names no user or group of this host.
  static base::Result<Access> create(const std::vector<std::string>& operators,
                                     const std::vector<std::string>& readers, uid_t ownUid,
                                     AccountFiles files);

  Caller callerOf(const http::PeerCredentials& peer);

 private:
  struct Members {
    std::set<uid_t> users;
    std::set<gid_t> groups;
  };
  Access(Members operators, Members readers, uid_t ownUid, AccountFiles files);
  static base::Result<Members> resolve(const std::vector<std::string>& entries,
                                       const std::string& setting, const Accounts& accounts);
  static bool holds(const Members& members, const http::PeerCredentials& peer,
                    const Accounts& accounts);

  Members operators_;
  Members readers_;
  uid_t ownUid_;
  AccountFiles files_;
};

/// Makes the folder of the API's socket, and those above, where they are missing. Where the
/// settings let others in, they can enter those (0711): the kernel says who calls, not the path.
base::Status makeSocketFolder(const std::string& folder, bool others);

}  // namespace belay::api
