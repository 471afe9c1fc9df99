#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/Result.h"

namespace belay::jobs {

/// As whom a job runs.
struct JobUser {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  bool exclusive = false;  ///< A mere number: nothing but jobs is this user.
};

/// A user of the host by name; nothing when there is none.
using FindUser = std::function<std::optional<JobUser>(std::string_view name)>;

/// Reads what the settings say: names, uids, and ranges "FIRST-LAST" (at most 65,536 in all).
/// Errors: kSettingsInvalid for a name that is not there, for 0, and for what is no such thing.
base::Result<std::vector<JobUser>> parseJobUsers(std::span<const std::string> words,
                                                 const FindUser& findUser);

/// Which flow has which user: the first one that no other flow has, and then for good, so that its
/// files stay its own. One line "UID SLUG" for each in one file.
///
/// Threads:    owner.
/// Durability: an assignment is on disk before it is used.
class UserPool {
 public:
  /// Errors: kIo, kJobSpec when the file is damaged.
  static base::Result<UserPool> open(std::string file, std::vector<JobUser> users);

  /// Errors: kJobProfile when all users are taken, kIo, kDiskFull.
  base::Result<JobUser> userOf(const std::string& slug);
  bool empty() const { return users_.empty(); }

 private:
  UserPool(std::string file, std::vector<JobUser> users)
      : file_(std::move(file)), users_(std::move(users)) {}
  const JobUser* find(std::uint32_t uid) const;
  base::Status store() const;

  std::string file_;
  std::vector<JobUser> users_;
  std::map<std::string, std::uint32_t> assigned_;  ///< Uid of each slug.
};

}  // namespace belay::jobs
