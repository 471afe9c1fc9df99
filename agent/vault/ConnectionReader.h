#pragma once

#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "agent/vault/Connection.h"

namespace belay::vault {

/// Reads the definition of one connection; each error says where it is and what would be right.
///
/// Threads:   owner.
/// Ownership: the definition must outlive the reader.
/// Errors:    kConnectionInvalid.
class ConnectionReader {
 public:
  ConnectionReader(std::string_view name, const json::Value& definition)
      : name_(name), definition_(definition) {}

  /// A member of such a definition.
  struct ToolKey;

  /// "http", "chat", "ssh", "smtp" or "plugin".
  base::Result<std::string> type() const;
  base::Result<base::RateLimit> rateLimit() const;
  base::Result<HttpConnection> http() const;
  base::Result<ChatConnection> chat() const;
  base::Result<ToolConnection> tool(const std::string& type) const;

 private:
  base::Error invalid(const std::string& pointer, const std::string& why) const;
  base::Status onlyKeys(const json::Value& object, const std::string& pointer,
                        std::span<const std::string_view> known) const;
  base::Status checkPart(const ToolKey& key, const json::Value& value) const;
  base::Status checkFree(const json::Value& value, const std::string& pointer) const;
  base::Result<std::string> text(std::string_view key, bool required) const;
  base::Result<SecretRef> secretRef(const json::Value& value, const std::string& pointer) const;
  base::Result<TextOrSecret> textOrSecret(const json::Value& value,
                                          const std::string& pointer) const;
  base::Status readHeaders(HttpConnection& out) const;
  base::Result<HttpAuth> auth() const;
  base::Result<std::string> caFile() const;
  base::Result<std::string> proxy() const;

  const std::string name_;
  const json::Value& definition_;
};

/// The types that ConnectionReader::tool() knows.
bool isToolType(std::string_view type);
/// Adds the names of all {secret: NAME} in a definition.
void collectSecrets(const json::Value& value, std::set<std::string>& names);

}  // namespace belay::vault
