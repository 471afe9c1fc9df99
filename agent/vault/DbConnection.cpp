#include "agent/vault/DbConnection.h"

#include <array>

#include "agent/vault/ConnectionReader.h"

namespace belay::vault {

using base::Result;

namespace {

constexpr std::array<std::string_view, 4> kKeys{"type", "file", "write", "rate_limit"};

}  // namespace

Result<DbConnection> readDbConnection(const ConnectionReader& reader) {
  const json::Value& definition = reader.definition();
  BELAY_TRY(reader.onlyKeys(definition, "", kKeys));
  DbConnection out;
  BELAY_ASSIGN(out.file, reader.text("file", true));
  const bool plain = out.file.starts_with('/') && out.file.find("//") == std::string::npos &&
                     (out.file + "/").find("/./") == std::string::npos &&
                     (out.file + "/").find("/../") == std::string::npos && !out.file.ends_with('/');
  if (!plain) return reader.invalid("/file", "it must be an absolute path without . and ..");
  const json::Value* write = definition.find("write");
  if (write && !write->isBool()) return reader.invalid("/write", "it must be true or false");
  out.write = definition.flag("write");
  return out;
}

}  // namespace belay::vault
