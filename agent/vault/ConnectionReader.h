#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/trust/AddressBlock.h"
#include "agent/vault/TextOrSecret.h"
#include "common/base/RateLimit.h"
#include "common/base/Result.h"
#include "common/json/Value.h"

namespace belay::vault {

/// Reads what definitions of connections have in common; each error says where it is and what would
/// be right. What is special to a type is read by the file of that type.
///
/// Threads:   owner.
/// Ownership: the definition must outlive the reader.
/// Errors:    kConnectionInvalid.
class ConnectionReader {
 public:
  ConnectionReader(std::string_view name, const json::Value& definition)
      : name_(name), definition_(definition) {}

  const json::Value& definition() const { return definition_; }
  base::Error invalid(const std::string& pointer, const std::string& why) const;
  base::Status onlyKeys(const json::Value& object, const std::string& pointer,
                        std::span<const std::string_view> known) const;

  base::Result<std::string> type() const;
  /// `rate_limit`.
  base::Result<base::RateLimit> rateLimit() const;
  /// A text of one line; empty where it is missing and may be.
  base::Result<std::string> text(std::string_view key, bool required) const;
  /// An absolute path; empty where it is missing and may be.
  base::Result<std::string> path(std::string_view key, bool required = false) const;
  base::Result<std::int64_t> integer(std::string_view key, std::int64_t least, std::int64_t most,
                                     std::int64_t fallback) const;
  /// `{secret: NAME}`.
  base::Result<SecretRef> secretRef(const json::Value& value, const std::string& pointer) const;
  /// A member that is the bare name of a secret.
  base::Result<SecretRef> secretName(const json::Value& object, std::string_view key,
                                     const std::string& pointer) const;
  base::Result<TextOrSecret> textOrSecret(const json::Value& value,
                                          const std::string& pointer) const;
  /// `addresses`: blocks like 10.0.0.0/8; empty where it is missing.
  base::Result<std::vector<trust::AddressBlock>> addresses() const;
  /// `proxy`, without credentials; empty where it is missing.
  base::Result<std::string> proxy() const;

 private:
  const std::string name_;
  const json::Value& definition_;
};

/// No control characters, and not longer than a header may be.
bool isOneLine(std::string_view text);

/// Whether a connection may be made to an address: one of the blocks has it, or there are none. The
/// policy is asked apart from that. Errors: kEgressRefused.
base::Status checkAddress(const std::vector<trust::AddressBlock>& blocks,
                          const http::Address& address, const std::string& connection);

}  // namespace belay::vault
