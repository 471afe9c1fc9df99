#include "agent/vault/ConnectionStore.h"

#include <algorithm>
#include <utility>

#include "common/base/Files.h"
#include "common/base/Ids.h"
#include "common/base/Text.h"
#include "common/json/Json.h"

namespace belay::vault {

using base::Error;
using base::ErrorCode;
using base::MutexLock;
using base::Result;
using base::Status;

namespace {

constexpr std::string_view kFormat = "belay-connections";

Status checkName(std::string_view name) {
  if (base::isIdentifier(name)) return {};
  base::SourcePlace place;
  place.pointer = "/connections/" + json::pointerToken(name);
  return Error{ErrorCode::kConnectionInvalid, "the name of connection \"" +
                                                  base::visible(name.substr(0, 80)) +
                                                  "\" must match [a-z0-9][a-z0-9_-]{0,63}"}
      .at(std::move(place));
}

Error notFound(std::string_view name, const std::vector<std::string_view>& names) {
  std::string message =
      "there is no connection \"" + base::visible(name.substr(0, 80)) + "\" on this host";
  if (const auto meant = base::nearest(name, names)) message += "; did you mean " + *meant + "?";
  return Error{ErrorCode::kConnectionNotFound,
               std::move(message),
               {"belay connection list", "belay connection add --help"}};
}

Error ofSettings(std::string_view name) {
  return Error{ErrorCode::kConflict,
               "connection " + std::string(name) + " stands in the settings",
               {"change it there, under connections:, and restart the daemon"}};
}

/// The file is written by the daemon alone; what does not fit is damage.
Error damaged(const std::string& file, const std::string& why) {
  return Error{ErrorCode::kConnectionInvalid,
               file + ": " + why,
               {"restore the file from a backup, or remove it and add the connections again"}};
}

}  // namespace

Result<ConnectionStore> ConnectionStore::parse(const json::Value& section) {
  ConnectionStore store;
  if (section.isNull()) return store;
  if (!section.isObject()) {
    base::SourcePlace place;
    place.pointer = "/connections";
    return Error{ErrorCode::kConnectionInvalid, "connections must be an object of definitions"}.at(
        std::move(place));
  }
  Entries entries;
  for (const auto& [name, definition] : section.asObject()) {
    BELAY_TRY(checkName(name));
    BELAY_ASSIGN(Connection connection, parseConnection(name, definition));
    entries[name].connection = std::make_shared<const Connection>(std::move(connection));
  }
  MutexLock lock(store.state_->mutex);
  store.state_->entries = std::move(entries);
  return store;
}

Result<ConnectionStore> ConnectionStore::open(const json::Value& section, const std::string& file) {
  BELAY_ASSIGN(ConnectionStore store, parse(section));
  BELAY_TRY(store.readAdded(file));
  store.state_->file = file;
  return store;
}

Status ConnectionStore::readAdded(const std::string& file) {
  auto text = base::readFile(file, kFileBytesMax);
  if (!text) return text.error().code == ErrorCode::kNotFound ? Status{} : text.error();
  auto document = json::parse(*text, {.bytesMax = kFileBytesMax});
  if (!document) return damaged(file, document.error().message);
  const json::Value* list = document->find("connections");
  if (document->text("format") != kFormat || document->integer("v") != 1 || !list ||
      !list->isObject())
    return damaged(file, "it is not a file of connections that this version can read");
  MutexLock lock(state_->mutex);
  for (const auto& [name, item] : list->asObject()) {
    if (state_->entries.contains(name)) continue;
    const json::Value* definition = item.find("definition");
    if (!base::isIdentifier(name) || !definition) return damaged(file, "an entry is malformed");
    auto connection = parseConnection(name, *definition);
    if (!connection) return damaged(file, connection.error().message);
    connection->ofSettings = false;
    connection->addedMs = item.integer("added_ms");
    connection->addedBy = item.text("by");
    state_->entries[name] = {std::make_shared<const Connection>(std::move(*connection)),
                             *definition};
  }
  return {};
}

Status ConnectionStore::write(const Entries& entries) const {
  if (state_->file.empty()) return {};
  json::Value list{json::Object{}};
  for (const auto& [name, entry] : entries) {
    if (entry.connection->ofSettings) continue;
    json::Value item;
    item.set("definition", entry.definition).set("added_ms", entry.connection->addedMs);
    list.set(name, std::move(item.set("by", entry.connection->addedBy)));
  }
  json::Value document;
  document.set("format", kFormat).set("v", 1).set("connections", std::move(list));
  const std::string text = json::print(document) + "\n";
  // What the next start could not read would keep the host from starting.
  if (!json::parse(text, {.bytesMax = kFileBytesMax})) {
    return Error{ErrorCode::kLimit, "with this definition the connections of this host would be over " +
                                        std::to_string(kFileBytesMax >> 20) +
                                        " MiB, or nested too deeply to be read again"};
  }
  return base::writeFileDurably(state_->file, text, 0600);
}

ConnectionStore::Entries ConnectionStore::snapshot() const {
  MutexLock lock(state_->mutex);
  return state_->entries;
}

Result<ConnectionPtr> ConnectionStore::find(std::string_view name) const {
  MutexLock lock(state_->mutex);
  const auto found = state_->entries.find(name);
  if (found != state_->entries.end()) return found->second.connection;
  std::vector<std::string_view> names;
  for (const auto& [known, entry] : state_->entries) names.push_back(known);
  return notFound(name, names);
}

std::vector<ConnectionPtr> ConnectionStore::all() const {
  std::vector<ConnectionPtr> out;
  MutexLock lock(state_->mutex);
  for (const auto& [name, entry] : state_->entries) out.push_back(entry.connection);
  return out;
}

Result<ConnectionPtr> ConnectionStore::put(std::string_view name, const json::Value& definition,
                                           const Origin& origin, bool replace) {
  BELAY_TRY(checkName(name));
  MutexLock writing(state_->writing);
  Entries next = snapshot();
  const auto known = next.find(name);
  if (known != next.end()) {
    if (known->second.connection->ofSettings) return ofSettings(name);
    if (!replace) {
      return Error{ErrorCode::kConflict,
                   "there is a connection " + std::string(name) + " already",
                   {"belay connection add --replace " + std::string(name) + " …"}};
    }
  } else if (next.size() >= kAddedMax) {
    return Error{ErrorCode::kLimit,
                 "a host has at most " + std::to_string(kAddedMax) + " connections"};
  }
  return store(std::move(next), name, definition, origin);
}

Result<ConnectionPtr> ConnectionStore::store(Entries next, std::string_view name,
                                             json::Value definition, const Origin& origin) {
  BELAY_ASSIGN(Connection connection, parseConnection(name, definition));
  connection.ofSettings = false;
  connection.addedMs = origin.wallMs;
  connection.addedBy = origin.by;
  auto made = std::make_shared<const Connection>(std::move(connection));
  next[std::string(name)] = {made, std::move(definition)};
  BELAY_TRY(write(next));
  MutexLock lock(state_->mutex);
  state_->entries = std::move(next);
  return made;
}

Result<ConnectionPtr> ConnectionStore::amend(
    std::string_view name, std::string_view version, const Origin& origin,
    const std::function<Result<json::Value>(const json::Value&)>& change) {
  MutexLock writing(state_->writing);
  Entries next = snapshot();
  const auto known = next.find(name);
  if (known == next.end()) return find(name).error();
  if (known->second.connection->ofSettings) return ofSettings(name);
  if (known->second.connection->version != version) {
    return Error{ErrorCode::kConflict,
                 "connection " + std::string(name) + " was changed meanwhile; nothing was done"};
  }
  BELAY_ASSIGN(json::Value definition, change(known->second.definition));
  return store(std::move(next), name, std::move(definition), origin);
}

Status ConnectionStore::remove(std::string_view name) {
  MutexLock writing(state_->writing);
  Entries next = snapshot();
  const auto known = next.find(name);
  if (known == next.end()) return find(name).error();
  if (known->second.connection->ofSettings) return ofSettings(name);
  next.erase(known);
  BELAY_TRY(write(next));
  MutexLock lock(state_->mutex);
  state_->entries = std::move(next);
  return {};
}

}  // namespace belay::vault
