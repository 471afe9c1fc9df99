#include "agent/agents/Beneath.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "common/base/Files.h"
#include "common/base/Text.h"

namespace belay::agents {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::UniqueFd;

namespace {

constexpr int kFolderFlags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

/// The folder of the last part of a path, and that part.
struct Place {
  UniqueFd folder;
  std::string name;
};

Result<Place> placeOf(const std::string& root, const std::string& path, bool make) {
  std::vector<std::string> parts;
  for (const std::string_view part : base::split(path, '/')) {
    if (part.empty() || part == "." || part == ".." || part.find('\0') != std::string_view::npos)
      return Error{ErrorCode::kInvalidArgument,
                   "\"" + base::visible(path.substr(0, 200)) + "\" is no path below a workspace"};
    parts.emplace_back(part);
  }
  Place place{UniqueFd(::open(root.c_str(), kFolderFlags)), {}};
  if (!place.folder.valid()) return base::errnoError(errno, "open " + root);
  for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
    const int at = place.folder.get();
    if (make && ::mkdirat(at, parts[i].c_str(), 0777) != 0 && errno != EEXIST)
      return base::errnoError(errno, "make the folder " + parts[i] + " in " + root);
    UniqueFd next(::openat(at, parts[i].c_str(), kFolderFlags | O_NOFOLLOW));
    if (!next.valid()) return base::errnoError(errno, "open " + base::visible(path) + " in " + root);
    place.folder = std::move(next);
  }
  place.name = parts.back();
  return place;
}

}  // namespace

Result<UniqueFd> openBeneath(const std::string& root, const std::string& path) {
  BELAY_ASSIGN(const Place place, placeOf(root, path, false));
  constexpr int kFlags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
  UniqueFd file(::openat(place.folder.get(), place.name.c_str(), kFlags));
  if (!file.valid()) return base::errnoError(errno, "open " + base::visible(path) + " in " + root);
  struct stat info {};
  if (::fstat(file.get(), &info) == 0 && S_ISREG(info.st_mode)) return file;
  return Error{ErrorCode::kIo, base::visible(path) + " in " + root + " is no file"};
}

Result<UniqueFd> createBeneath(const std::string& root, const std::string& path) {
  BELAY_ASSIGN(const Place place, placeOf(root, path, true));
  const int at = place.folder.get();
  if (::unlinkat(at, place.name.c_str(), 0) != 0 && errno != ENOENT)
    return base::errnoError(errno, "replace " + base::visible(path) + " in " + root);
  UniqueFd file(::openat(at, place.name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (file.valid()) return file;
  return base::errnoError(errno, "make " + base::visible(path) + " in " + root);
}

}  // namespace belay::agents
