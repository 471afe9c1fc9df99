#include "agent/agents/LockFile.h"

#include <algorithm>
#include <utility>

#include "agent/agents/Members.h"
#include "common/base/Files.h"
#include "common/crypto/Digest.h"
#include "common/json/Json.h"

namespace belay::agents {

using base::Error;
using base::ErrorCode;
using base::Result;
using json::Value;

namespace {

constexpr std::size_t kBytesMax = 1u << 20;

Error damaged(const std::string& why) { return Error{ErrorCode::kAgentLock, why}; }

}  // namespace

std::string lockFilePath(const std::string& settingsFile) {
  return settingsFile.substr(0, settingsFile.rfind('/') + 1) + "agents.lock.json";
}

Result<std::vector<LockedAgent>> parseLockFile(std::string_view text) {
  const auto value = json::parse(text, {.bytesMax = kBytesMax, .depthMax = 8});
  if (!value) return damaged(value.error().message);
  Members file(*value, "");
  const Value* all = file.take("agents");
  if (const base::Status read = file.finish(); !read) return damaged(read.error().message);
  if (!all || !all->isObject()) return damaged("agents must be a JSON object");
  std::vector<LockedAgent> out;
  for (const auto& [name, entry] : all->asObject()) {
    LockedAgent agent;
    agent.name = name;
    Members members(entry, "agents." + name);
    members.text("adapter", agent.adapter);
    members.text("binary", agent.binary);
    members.text("version", agent.version);
    members.text("digest", agent.digest);
    if (!agent.binary.starts_with('/')) members.wrong("binary", "must be an absolute path");
    if (!crypto::Digest::fromHex(agent.digest))
      members.wrong("digest", "must be 64 lower-case hexadecimal digits");
    if (const base::Status read = members.finish(); !read) return damaged(read.error().message);
    out.push_back(std::move(agent));
  }
  return out;
}

std::string printLockFile(std::vector<LockedAgent> agents) {
  std::sort(agents.begin(), agents.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  Value all{json::Object{}};
  for (const LockedAgent& agent : agents) {
    Value entry;
    entry.set("adapter", agent.adapter).set("binary", agent.binary);
    entry.set("version", agent.version).set("digest", agent.digest);
    all.set(agent.name, std::move(entry));
  }
  return json::printPretty(Value().set("agents", std::move(all))) + "\n";
}

Result<std::vector<LockedAgent>> readLockFile(const std::string& path) {
  const auto text = base::readFile(path, kBytesMax);
  if (!text && text.error().code == ErrorCode::kNotFound) return std::vector<LockedAgent>{};
  if (!text) return text.error();
  auto parsed = parseLockFile(*text);
  if (!parsed) return Error(parsed.error()).in(path);
  return parsed;
}

const LockedAgent* findLocked(const std::vector<LockedAgent>& agents, std::string_view name) {
  for (const LockedAgent& agent : agents) {
    if (agent.name == name) return &agent;
  }
  return nullptr;
}

const LockedAgent* findLocked(const std::vector<LockedAgent>& agents, std::string_view name,
                              std::string_view binary) {
  if (const LockedAgent* named = findLocked(agents, name)) return named;
  for (const LockedAgent& agent : agents) {
    if (agent.binary == binary) return &agent;
  }
  return nullptr;
}

}  // namespace belay::agents
