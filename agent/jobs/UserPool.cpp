#include "agent/jobs/UserPool.h"

#include <algorithm>
#include <set>
#include <utility>

#include "common/base/Files.h"
#include "common/base/Text.h"

namespace belay::jobs {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

constexpr std::size_t kUsersMax = 65'536;
constexpr std::uint64_t kFileBytesMax = 16u << 20;

Error wrongWord(const std::string& word, const char* what) {
  return Error{ErrorCode::kSettingsInvalid, "jobs.users: \"" + word + "\" " + what};
}

/// 0 is root, and the last two mean "nobody in particular" to the kernel.
bool isUid(const std::optional<std::uint64_t>& number) {
  return number && *number > 0 && *number < 0xFFFF'FFFE;
}

Status addRange(const std::string& word, std::vector<JobUser>& out) {
  const std::size_t dash = word.find('-');
  const auto first = base::parseUnsigned(std::string_view(word).substr(0, dash));
  const auto last = dash == std::string::npos
                        ? first
                        : base::parseUnsigned(std::string_view(word).substr(dash + 1));
  if (!isUid(first) || !isUid(last) || *first > *last)
    return wrongWord(word, "is no uid above 0 and no range FIRST-LAST");
  if (*last - *first >= kUsersMax - out.size()) return wrongWord(word, "makes too many users");
  for (std::uint64_t uid = *first; uid <= *last; ++uid) {
    const auto number = static_cast<std::uint32_t>(uid);
    out.push_back({number, number, true});
  }
  return {};
}

}  // namespace

Result<std::vector<JobUser>> parseJobUsers(std::span<const std::string> words,
                                           const FindUser& findUser) {
  std::vector<JobUser> out;
  for (const std::string& word : words) {
    if (!word.empty() && word[0] >= '0' && word[0] <= '9') {
      BELAY_TRY(addRange(word, out));
      continue;
    }
    const auto found = findUser(word);
    if (!found) return wrongWord(word, "is no user of this host");
    if (found->uid == 0) return wrongWord(word, "is root");
    out.push_back(*found);
  }
  return out;
}

Result<UserPool> UserPool::open(std::string file, std::vector<JobUser> users) {
  UserPool pool(std::move(file), std::move(users));
  if (!base::fileExists(pool.file_)) return pool;
  BELAY_ASSIGN(const std::string text, base::readFile(pool.file_, kFileBytesMax));
  for (const std::string_view line : base::split(text, '\n')) {
    if (line.empty()) continue;
    const std::size_t space = line.find(' ');
    const auto uid = base::parseUnsigned(line.substr(0, space));
    if (space == std::string_view::npos || !isUid(uid))
      return Error{ErrorCode::kJobSpec, pool.file_ + " is damaged"};
    pool.assigned_[std::string(line.substr(space + 1))] = static_cast<std::uint32_t>(*uid);
  }
  return pool;
}

const JobUser* UserPool::find(std::uint32_t uid) const {
  const auto found = std::find_if(users_.begin(), users_.end(),
                                  [&](const JobUser& user) { return user.uid == uid; });
  return found == users_.end() ? nullptr : &*found;
}

Status UserPool::store() const {
  std::string text;
  for (const auto& [slug, uid] : assigned_) text += std::to_string(uid) + " " + slug + "\n";
  return base::writeFileDurably(file_, text);
}

Result<JobUser> UserPool::userOf(const std::string& slug) {
  if (const auto known = assigned_.find(slug); known != assigned_.end()) {
    // A user that the settings do not name any more is given up, with the files that it has.
    if (const JobUser* user = find(known->second)) return *user;
  }
  std::set<std::uint32_t> taken;
  for (const auto& [other, uid] : assigned_) taken.insert(uid);
  for (const JobUser& user : users_) {
    if (taken.contains(user.uid)) continue;
    const auto before = assigned_;
    assigned_[slug] = user.uid;
    if (const Status stored = store(); !stored) {
      assigned_ = before;
      return stored.error();
    }
    return user;
  }
  return Error{ErrorCode::kJobProfile,
               "flow " + slug + " needs a user of its own, and all of jobs.users are taken",
               {"name more users in jobs.users"}};
}

}  // namespace belay::jobs
