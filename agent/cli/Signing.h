#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "agent/cli/Invocation.h"
#include "common/base/Result.h"
#include "common/crypto/KeyFile.h"
#include "common/statement/SignedStatement.h"
#include "common/statement/Verify.h"

namespace belay::cli {

// What the commands that make and sign statements share. All of it works without a daemon.

inline constexpr Flag kKeyFlag{"key", 0, "FILE", "sign with this key file (belay key new)"};
inline constexpr Flag kPassphraseFlag{"passphrase-file", 0, "FILE",
                                      "its passphrase is the first line of FILE; else it is asked"};

/// Asks for a passphrase, or reads --passphrase-file. `again`: a new one, asked twice.
/// Errors: kUsage without a terminal, kInvalidArgument when the two differ.
base::Result<std::string> readPassphrase(const Invocation& invocation, const std::string& prompt,
                                         bool again);
/// A key file, which must be closed to others. Errors: kKeyFile, kNotFound.
base::Result<crypto::KeyFile> readKeyFile(const std::string& path);
/// The key of --key, opened. Errors: kUsage when it was not given, kKeyFile, kKeyPassphrase.
base::Result<crypto::P256PrivateKey> openSigningKey(const Invocation& invocation);
/// FILE.pub. Errors: kKeyFile, kNotFound.
base::Result<crypto::P256PublicKey> readPublicKeyFile(const std::string& path);

base::Result<statement::SignedStatement> readStatement(const Invocation& invocation,
                                                       const std::string& path);
/// Errors: kConflict when the file is there.
base::Status writeNew(const std::string& path, std::string_view content, unsigned mode = 0644);

/// A payload that is signed with one key: the first signature of a new statement.
base::Result<statement::SignedStatement> signFirst(const crypto::P256PrivateKey& key,
                                                   std::string_view typ,
                                                   const std::string& payload);
/// A positive number of a flag. Errors: kUsage.
base::Result<std::int64_t> numberFlag(const Invocation& invocation, std::string_view flag,
                                      std::int64_t fallback);
/// "ada=ada.pub" → name and file. Errors: kUsage.
base::Result<std::pair<std::string, std::string>> splitPair(const std::string& text,
                                                            std::string_view flag);

/// What a statement says, as data and for people, read strictly. Errors: kStatementInvalid…
struct Described {
  json::Value data;   ///< {"kind", "digest", …}
  std::string lines;  ///< Each line ends.
};
base::Result<Described> describe(const statement::SignedStatement& statement);

/// Signs a payload with the key of --key and writes the new statement: its description, and `file`.
/// Errors: of openSigningKey(), describe() and writeNew().
base::Result<api::Envelope> signAndWrite(const Invocation& invocation, std::string_view typ,
                                         const std::string& payload, const std::string& file);
/// The same for a document, which is read as strictly as it will be by others before anybody is
/// asked for a passphrase. Errors: those, and kStatementInvalid.
template <typename Document>
base::Result<api::Envelope> writeDocument(const Invocation& invocation, const Document& document,
                                          const std::string& file) {
  BELAY_ASSIGN(const Document strict, Document::parse(document.print()));
  return signAndWrite(invocation, Document::kTyp, strict.print(), file);
}

}  // namespace belay::cli
