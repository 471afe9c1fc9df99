#include "agent/cli/RemoteArtifacts.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <functional>

#include "common/base/Files.h"
#include "common/base/Text.h"
#include "common/crypto/Sha256.h"
#include "common/statement/Artifacts.h"
#include "common/statement/Sealed.h"

namespace belay::cli {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using json::Value;
using Artifact = statement::Request::Artifact;

namespace {

/// What is longer is looked at in a file.
constexpr std::int64_t kShownBytesMax = 64 << 10;
constexpr std::size_t kNameBytesMax = 100;
constexpr std::chrono::seconds kHandInWait{30};
constexpr std::chrono::seconds kLook{1};

Error about(ErrorCode code, const Artifact& artifact, const std::string& what,
            std::vector<std::string> actions = {}) {
  return Error{code,
               "artifact " + shown(artifact.name) + " (" + artifact.digest.hex() + ") " + what,
               std::move(actions)};
}

/// One relay, one key, one artifact.
class Fetch {
 public:
  Fetch(const Invocation& invocation, const RelayCalls& relay, const BelievedRequest& believed,
        const crypto::P256PrivateKey& key, const Artifact& artifact)
      : invocation_(invocation),
        relay_(relay),
        key_(key),
        artifact_(artifact),
        path_(pathOf(
            "/v1/approvals", believed.request.digest().hex(),
            "/blobs/" + statement::artifactName(believed.request.document(), artifact.digest))) {}

  /// Gives the parts in their order. What the sink has got is right only if this succeeds.
  Status run(const std::function<Status(std::string_view)>& sink) {
    crypto::Sha256 hash;
    const std::int64_t parts = statement::artifactParts(artifact_.size);
    for (std::int64_t part = 0; part < parts; ++part) {
      BELAY_ASSIGN(const std::string sealed, await(part, parts));
      auto plain = statement::unseal(sealed, statement::kSealedArtifact, key_);
      if (!plain) {
        return about(
            ErrorCode::kSealed, artifact_,
            "does not open, in part " + std::to_string(part + 1) + ": " + plain.error().message);
      }
      if (plain->size() != statement::artifactPartBytes(artifact_.size, part)) return changed();
      hash.update(*plain);
      BELAY_TRY(sink(*plain));
    }
    return hash.finish() == artifact_.digest ? Status{} : changed();
  }

 private:
  Status changed() const {
    return about(ErrorCode::kArtifactChanged, artifact_,
                 "is another one than its host has signed: the relay has changed it, or left "
                 "something out");
  }

  /// Its host may still be at it.
  Result<std::string> await(std::int64_t part, std::int64_t parts) {
    BELAY_ASSIGN(const auto wait, invocation_.duration("timeout", kHandInWait));
    const base::Clock& clock = invocation_.world().clock;
    const auto end = clock.sinceBoot() + wait;
    while (true) {
      Target target(path_);
      target.add("part", std::to_string(part));
      BELAY_ASSIGN(const Value data, relay_.get(target.str()));
      if (!data.text("content").empty()) return data.text("content");
      if (clock.sinceBoot() >= end) {
        return about(ErrorCode::kArtifactUnseen, artifact_,
                     "is not to be had: of its " + std::to_string(parts) + " parts the relay has " +
                         std::to_string(data.integer("have")),
                     {"--artifact FILE, where it came another way",
                      "`belay resource cat` on the host", "--unseen signs without, and says so"});
      }
      invocation_.world().sleep(kLook);
    }
  }

  const Invocation& invocation_;
  const RelayCalls& relay_;
  const crypto::P256PrivateKey& key_;
  const Artifact& artifact_;
  const std::string path_;
};

/// A name for the folder, of which nothing can leave it or hide.
std::string fileNameOf(const Artifact& artifact) {
  std::string out;
  for (const char c : artifact.name.substr(0, kNameBytesMax)) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || (c == '.' && !out.empty());
    out += plain ? c : '_';
  }
  return out.empty() ? artifact.digest.hex() : out;
}

Result<bool> isThere(const std::string& path, const Artifact& artifact) {
  if (!base::fileExists(path)) return false;
  const auto content =
      base::readFile(path, static_cast<std::uint64_t>(statement::kArtifactBytesMax));
  if (content && crypto::sha256(*content) == artifact.digest) return true;
  return about(ErrorCode::kConflict, artifact, "cannot be put there: " + path + " is another file");
}

Status saveTo(Fetch& fetch, const std::string& path) {
  const std::string unfinished = path + ".part";
  BELAY_TRY(base::removeFile(unfinished));
  const base::UniqueFd fd(
      ::open(unfinished.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd.valid()) return base::errnoError(errno, "make " + unfinished);
  const Status fetched = fetch.run(
      [&](std::string_view bytes) { return base::writeAll(fd.get(), bytes, unfinished); });
  if (fetched && ::rename(unfinished.c_str(), path.c_str()) == 0) return {};
  const int error = errno;
  static_cast<void>(base::removeFile(unfinished));
  return fetched ? Status{base::errnoError(error, "rename " + unfinished)} : fetched;
}

}  // namespace

Status fetchArtifact(const Invocation& invocation, const RelayCalls& relay,
                     const BelievedRequest& believed, const crypto::P256PrivateKey& key,
                     const Artifact& artifact) {
  Fetch fetch(invocation, relay, believed, key, artifact);
  if (artifact.size > statement::kArtifactBytesMax) {
    return about(ErrorCode::kArtifactUnseen, artifact, "is too large to travel over a relay",
                 {"--artifact FILE", "--unseen signs without, and says so"});
  }
  if (invocation.has("artifacts")) {
    const std::string folder = invocation.flag("artifacts");
    BELAY_TRY(base::makeFolders(folder));
    const std::string path = folder + "/" + fileNameOf(artifact);
    BELAY_ASSIGN(const bool there, isThere(path, artifact));
    if (!there) BELAY_TRY(saveTo(fetch, path));
    invocation.note("artifact " + shown(artifact.name) + " is in " + shown(path));
    return {};
  }
  const bool seen = !invocation.json() && !invocation.quiet();
  std::string text;
  if (seen && artifact.size <= kShownBytesMax) {
    BELAY_TRY(fetch.run([&](std::string_view bytes) -> Status {
      text += bytes;
      return {};
    }));
  }
  if (!seen || artifact.size > kShownBytesMax || !base::isUtf8(text)) {
    return about(ErrorCode::kArtifactUnseen, artifact, "was not looked at",
                 {"--artifacts DIR fetches it", "--unseen signs without, and says so"});
  }
  invocation.note("artifact " + shown(artifact.name) + ":\n" + base::visible(text, true));
  return {};
}

}  // namespace belay::cli
