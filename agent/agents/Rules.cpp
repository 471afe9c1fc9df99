#include "agent/agents/Rules.h"

#include <vector>

#include "common/base/Text.h"

namespace belay::agents {

namespace {

bool names(const Rule& rule, const Action& action, const std::string& cwd) {
  if (!rule.tool.empty() && rule.tool != action.kind && !fits(rule.tool, action.tool)) return false;
  // A rule about commands says nothing of a tool that executes none.
  if (!rule.command.empty() && (action.command.empty() || !fits(rule.command, action.command))) {
    return false;
  }
  if (rule.path.empty()) return true;
  return !action.path.empty() && fits(plainPath(rule.path, cwd), plainPath(action.path, cwd));
}

Decision decided(bool allowed, std::string_view list, std::size_t index) {
  return {allowed, "permissions." + std::string(list) + "[" + std::to_string(index) + "]"};
}

}  // namespace

bool fits(std::string_view pattern, std::string_view text) {
  std::size_t at = 0;
  std::size_t star = std::string_view::npos;
  std::size_t resume = 0;
  std::size_t next = 0;
  while (at < text.size()) {
    if (next < pattern.size() && pattern[next] == '*') {
      star = next++;
      resume = at;
    } else if (next < pattern.size() && pattern[next] == text[at]) {
      ++next;
      ++at;
    } else if (star != std::string_view::npos) {
      next = star + 1;
      at = ++resume;
    } else {
      return false;
    }
  }
  while (next < pattern.size() && pattern[next] == '*') ++next;
  return next == pattern.size();
}

std::string regexOf(std::string_view pattern) {
  std::string out = "^";
  for (const char c : pattern) {
    if (c == '*') {
      out += "[\\s\\S]*";
      continue;
    }
    if (std::string_view("\\^$.|?+()[]{}/").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out + "$";
}

std::string plainPath(std::string_view path, const std::string& cwd) {
  std::vector<std::string_view> parts;
  const std::string whole =
      path.starts_with('/') ? std::string(path) : cwd + "/" + std::string(path);
  for (const std::string_view part : base::split(whole, '/')) {
    if (part.empty() || part == ".") continue;
    if (part != "..")
      parts.push_back(part);
    else if (!parts.empty())
      parts.pop_back();
  }
  std::string out;
  for (const std::string_view part : parts) out += "/" + std::string(part);
  return out.empty() ? "/" : out;
}

Decision decide(const Permissions& permissions, const Action& action, const std::string& cwd) {
  for (std::size_t i = 0; i < permissions.deny.size(); ++i) {
    if (names(permissions.deny[i], action, cwd)) return decided(false, "deny", i);
  }
  for (std::size_t i = 0; i < permissions.allow.size(); ++i) {
    if (names(permissions.allow[i], action, cwd)) return decided(true, "allow", i);
  }
  return {permissions.defaultAllow, "permissions.default"};
}

}  // namespace belay::agents
