#include "agent/vault/HostKeys.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "common/base/Files.h"
#include "common/base/Text.h"
#include "common/crypto/SealKey.h"
#include "common/crypto/Wipe.h"

namespace belay::vault {

using base::Error;
using base::ErrorCode;
using base::Random;
using base::Result;
using base::Status;

namespace {

constexpr const char* kLocalKey = "/local.key";
constexpr const char* kHostKey = "/host.key";
constexpr const char* kVaultKey = "/vault.key";
constexpr const char* kProtectedKey = "/vault.pass";
constexpr const char* kCredential = "/belay-vault-key";
constexpr std::uint64_t kKeyFileBytesMax = 4096;

Error unsafe(const std::string& what, const std::string& action) {
  return Error{ErrorCode::kStateFolderUnsafe, what, {action}};
}

Status checkOwner(const struct stat& info, const std::string& path) {
  if (info.st_uid == ::geteuid() || info.st_uid == 0) return {};
  return unsafe(path + " belongs to another user", "chown it to the user that runs belay");
}

Status checkFolder(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return base::errnoError(errno, "stat " + path);
  BELAY_TRY(checkOwner(info, path));
  if ((info.st_mode & 0022u) != 0) {
    return unsafe(path + " can be changed by other users", "chmod 700 " + path);
  }
  return {};
}

/// Puts `content` at `path` unless there is something already: complete, or not at all.
Status createFile(const std::string& path, std::string_view content, Random& random) {
  const std::string temporary = path + "." + base::makeToken(random, 9);
  BELAY_TRY(base::writeFileDurably(temporary, content, 0600));
  const bool linked = ::link(temporary.c_str(), path.c_str()) == 0 || errno == EEXIST;
  const int failure = errno;
  BELAY_TRY(base::removeFile(temporary));
  if (!linked) return base::errnoError(failure, "create " + path);
  return base::syncFolder(path.substr(0, path.rfind('/')));
}

/// A private key as JWK, where there is no file yet.
Status createSigningKey(const std::string& path, Random& random) {
  if (base::fileExists(path)) return {};
  std::string jwk = crypto::P256PrivateKey::generate(random).toJwk() + "\n";
  const Status created = createFile(path, jwk, random);
  crypto::wipe(jwk);
  return created;
}

}  // namespace

Result<std::string> readKeyFile(const std::string& path, Closed closed) {
  auto fd = base::openForReading(path);
  if (!fd.ok()) {
    if (fd.error().code != ErrorCode::kNotFound) return std::move(fd).error();
    return Error{ErrorCode::kNotInitialised, "there is no key " + path, {"belay init"}};
  }
  struct stat info {};
  if (::fstat(fd->get(), &info) != 0) return base::errnoError(errno, "stat " + path);
  if (!S_ISREG(info.st_mode)) return unsafe(path + " is not a regular file", "remove it");
  BELAY_TRY(checkOwner(info, path));
  const unsigned forbidden = closed == Closed::kToGroup ? 0077u : 0037u;
  if ((info.st_mode & forbidden) != 0) {
    return unsafe(path + " is open to other users", "chmod 600 " + path);
  }
  // The same descriptor is read, so that nobody puts another file in between.
  return base::readFile("/proc/self/fd/" + std::to_string(fd->get()), kKeyFileBytesMax);
}

Status HostKeys::create(Random& random) const {
  BELAY_TRY(base::makeFolders(folders_.keys));
  BELAY_TRY(checkFolder(folders_.keys));
  BELAY_TRY(createSigningKey(folders_.keys + kLocalKey, random));
  const bool hasKey = base::fileExists(folders_.keys + kVaultKey) ||
                      base::fileExists(folders_.keys + kProtectedKey) ||
                      (!folders_.credentials.empty() &&
                       base::fileExists(folders_.credentials + kCredential));
  if (!hasKey) {
    std::string key(crypto::SealKey::kBytes, '\0');
    random.fill({reinterpret_cast<std::uint8_t*>(key.data()), key.size()});
    const Status created = createFile(folders_.keys + kVaultKey, key, random);
    crypto::wipe(key);
    BELAY_TRY(created);
  }
  return {};
}

Status HostKeys::createHostKey(Random& random) const {
  BELAY_TRY(checkFolder(folders_.keys));
  return createSigningKey(folders_.keys + kHostKey, random);
}

Status HostKeys::replaceHostKey(Random& random) const {
  BELAY_TRY(checkFolder(folders_.keys));
  BELAY_TRY(base::removeFile(folders_.keys + kHostKey));
  return createSigningKey(folders_.keys + kHostKey, random);
}

Result<crypto::P256PrivateKey> HostKeys::signingKey(const std::string& path) const {
  BELAY_ASSIGN(std::string text, readKeyFile(path, Closed::kToGroup));
  BELAY_TRY(checkFolder(folders_.keys));
  auto key = crypto::P256PrivateKey::fromJwk(text);
  crypto::wipe(text);
  if (!key.ok()) return Error{ErrorCode::kCrypto, path + ": " + key.error().message};
  return key;
}

Result<crypto::P256PrivateKey> HostKeys::localKey() const {
  return signingKey(folders_.keys + kLocalKey);
}

Result<crypto::P256PrivateKey> HostKeys::hostKey() const {
  return signingKey(folders_.keys + kHostKey);
}

Result<SecretValue> HostKeys::vaultKeyBytes() const {
  const std::string credential =
      folders_.credentials.empty() ? std::string() : folders_.credentials + kCredential;
  const bool given = !credential.empty() && base::fileExists(credential);
  const std::string path = given ? credential : folders_.keys + kVaultKey;
  BELAY_ASSIGN(std::string bytes, readKeyFile(path, given ? Closed::kToOthers : Closed::kToGroup));
  if (!given) BELAY_TRY(checkFolder(folders_.keys));
  if (bytes.size() != crypto::SealKey::kBytes) {
    crypto::wipe(bytes);
    return Error{ErrorCode::kMasterKey, path + " holds no key: it must have 32 bytes"};
  }
  return SecretValue::take(std::move(bytes));
}

}  // namespace belay::vault
