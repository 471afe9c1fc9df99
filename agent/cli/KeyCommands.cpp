#include "agent/cli/Commands.h"
#include "agent/cli/Signing.h"
#include "common/base/Files.h"
#include "common/crypto/Wipe.h"

// key new and key show: keys of people and programs, in files.

namespace belay::cli {

using base::Result;
using json::Value;

namespace {

constexpr Flag kFlags[] = {
    {"passphrase-file", 0, "FILE",
     "the passphrase is the first line of FILE; else it is asked, twice"},
    {"iterations", 0, "N", "how often it is hashed; more makes guessing slower (600000)"}};

Value keyData(const std::string& file, const crypto::P256PublicKey& key) {
  Value data;
  data.set("file", file).set("thumbprint", key.thumbprint()).set("jwk", key.jwk());
  return data;
}

api::Envelope made(Value data) {
  api::Envelope out;
  out.data = std::move(data);
  return out;
}

Result<api::Envelope> makeKey(Invocation& invocation) {
  const std::string& file = invocation.argument(0);
  for (const std::string& path : {file, file + ".pub"}) {
    if (base::fileExists(path)) return writeNew(path, "").error();
  }
  BELAY_ASSIGN(std::string passphrase,
               readPassphrase(invocation, "passphrase of the new key", true));
  BELAY_ASSIGN(const std::int64_t iterations,
               numberFlag(invocation, "iterations", crypto::KeyFile::kIterations));
  base::Random& random = invocation.world().random;
  const auto key = crypto::P256PrivateKey::generate(random);
  auto sealed = crypto::KeyFile::seal(key, passphrase, random, iterations);
  crypto::wipe(passphrase);
  if (!sealed.ok()) return std::move(sealed).error();
  BELAY_TRY(writeNew(file, *sealed, 0600));
  BELAY_TRY(writeNew(file + ".pub", key.publicKey().jwk() + "\n"));
  Value data = keyData(file, key.publicKey());
  data.set("public_file", file + ".pub");
  return made(std::move(data));
}

Result<api::Envelope> showKey(Invocation& invocation) {
  const std::string& file = invocation.argument(0);
  if (file.ends_with(".pub")) {
    BELAY_ASSIGN(const crypto::P256PublicKey key, readPublicKeyFile(file));
    return made(keyData(file, key));
  }
  BELAY_ASSIGN(const crypto::KeyFile key, readKeyFile(file));
  return made(keyData(file, key.publicKey()));
}

std::string print(const Invocation& invocation, const Value& data) {
  if (!data.text("public_file").empty()) {
    invocation.note("private: " + shown(data.text("file")) +
                    ", public: " + shown(data.text("public_file")));
  }
  return data.text("thumbprint") + "\n";
}

}  // namespace

const Command kKeyNewCommand{
    "key new",
    "FILE",
    "make a key for signing: FILE, sealed with a passphrase, and FILE.pub",
    "Prints the thumbprint. Give FILE.pub to whoever keeps the root keys, and the thumbprint by "
    "another way. The passphrase has at least 8 bytes; without it nobody gets the key back.",
    kFlags,
    &makeKey,
    &print,
    Completes::kFile};

const Command kKeyShowCommand{
    "key show",
    "FILE",
    "show the thumbprint of a key file, private or public",
    "What FILE says is its public part; a signature with it needs the passphrase. --json shows the "
    "public key too.",
    {},
    &showKey,
    &print,
    Completes::kFile};

}  // namespace belay::cli
