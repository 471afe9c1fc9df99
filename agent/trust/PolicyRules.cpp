#include "agent/trust/PolicyRules.h"

#include <algorithm>
#include <array>

#include "common/base/Text.h"

namespace belay::trust {

namespace {

/// Shells, interpreters, and commands whose arguments are commands.
constexpr auto kInterpreters = std::to_array<std::string_view>(
    {"ash",    "awk",        "bash",        "bun",    "busybox", "chroot",  "csh",      "dash",
     "deno",   "doas",       "elvish",      "env",    "expect",  "fish",    "flock",    "gawk",
     "gdb",    "ionice",     "ksh",         "lua",    "luajit",  "mawk",    "mksh",     "nawk",
     "nice",   "node",       "nodejs",      "nohup",  "nsenter", "nu",      "parallel", "perl",
     "php",    "powershell", "pwsh",        "pypy",   "python",  "rbash",   "ruby",     "runuser",
     "script", "setarch",    "setpriv",     "setsid", "sh",      "ssh",     "stdbuf",   "strace",
     "su",     "sudo",       "systemd-run", "tclsh",  "tcsh",    "timeout", "unshare",  "watch",
     "xargs",  "zsh"});
static_assert(std::is_sorted(kInterpreters.begin(), kInterpreters.end()));

bool contains(const std::vector<std::string>& list, std::string_view item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

bool hasDotDot(std::string_view path) {
  for (const std::string_view part : base::split(path, '/')) {
    if (part == "..") return true;
  }
  return false;
}

bool isBelow(std::string_view path, std::string_view folder) {
  while (folder.size() > 1 && folder.ends_with('/')) folder.remove_suffix(1);
  if (hasDotDot(path) || !path.starts_with(folder)) return false;
  return folder == "/" || path.size() == folder.size() || path[folder.size()] == '/';
}

/// `pattern` with an optional * at its end.
bool matchesName(std::string_view name, std::string_view pattern) {
  if (!pattern.ends_with('*')) return name == pattern;
  return name.starts_with(pattern.substr(0, pattern.size() - 1));
}

bool matchesHost(std::string_view host, std::string_view pattern) {
  if (pattern == "*") return true;
  // One trailing dot names the same host.
  if (host.ends_with('.')) host.remove_suffix(1);
  if (!pattern.starts_with("*.")) return host == pattern;
  const std::string_view suffix = pattern.substr(1);
  return host.size() > suffix.size() && host.ends_with(suffix);
}

}  // namespace

bool isBelowAny(std::string_view path, const std::vector<std::string>& folders) {
  return std::any_of(folders.begin(), folders.end(),
                     [&](const std::string& folder) { return isBelow(path, folder); });
}

bool isListed(std::string_view name, const std::vector<std::string>& patterns) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const std::string& pattern) { return matchesName(name, pattern); });
}

bool matchesArgv(const RunRule& rule, const std::vector<std::string>& argv) {
  const std::vector<ArgvElement>& wanted = *rule.argv;
  if (argv.size() < wanted.size()) return false;
  for (std::size_t i = 0; i < argv.size(); ++i) {
    if (i < wanted.size() ? !wanted[i].matches(argv[i])
                          : !rule.rest || !rule.rest->matches(argv[i])) {
      return false;
    }
  }
  return true;
}

bool isHostListed(std::string_view host, const std::vector<std::string>& patterns) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const std::string& pattern) { return matchesHost(host, pattern); });
}

namespace {

/// A repository that is a path stands for its folder; of a URL all that begins so fits.
bool isWorkspaceListed(const std::string& workspace, const std::vector<std::string>& rules) {
  return std::any_of(rules.begin(), rules.end(), [&](const std::string& rule) {
    if (rule == "scratch" || workspace == "scratch") return rule == workspace;
    if (rule.starts_with("git:") && !rule.starts_with("git:/"))
      return matchesName(workspace, rule) && !hasDotDot(workspace);
    const std::string_view place = std::string_view(workspace).substr(4);
    if (!rule.starts_with('/'))
      return workspace.substr(0, 4) == rule.substr(0, 4) && isBelow(place, rule.substr(4));
    return isBelow(place, rule);
  });
}

bool isNamed(const AgentRule& rule, const AgentEffect& agent) {
  if (!agent.agent.empty()) return isListed(agent.agent, rule.agents);
  return contains(rule.executables, agent.executable);
}

std::uint16_t defaultPort(const http::Url& url) { return url.secure() ? 443 : 80; }

}  // namespace

bool isInterpreter(std::string_view executable) {
  std::string_view name = executable.substr(executable.rfind('/') + 1);
  // python3.11, lua5.4, node-20: the version says nothing about what it is.
  const std::size_t end = name.find_last_not_of("0123456789.-");
  name = name.substr(0, end == std::string_view::npos ? 0 : end + 1);
  return std::binary_search(kInterpreters.begin(), kInterpreters.end(), name);
}

bool ArgvElement::matches(std::string_view element) const {
  switch (kind) {
    case Kind::kLiteral:
      return element == text;
    case Kind::kPrefix:
      return element.starts_with(text) && !hasDotDot(element.substr(text.size())) &&
             !hasDotDot(element);
    case Kind::kOperand:
      return !element.starts_with('-');
    case Kind::kAny:
      return true;
  }
  return false;
}

bool matchesAllow(const RunRule& rule, const RenderedEffect& effect, const RunEffect& run) {
  if (!rule.executable || run.executable != *rule.executable) return false;
  if (!rule.argv || !matchesArgv(rule, run.argv)) return false;
  if (!rule.cwd.empty() && !isBelowAny(run.cwd, rule.cwd)) return false;
  if (!run.user.empty() && !contains(rule.users, run.user)) return false;
  if (!rule.flows.empty() && !contains(rule.flows, effect.flow)) return false;
  return std::all_of(run.env.begin(), run.env.end(),
                     [&](const EffectValue& value) { return isListed(value.name, rule.env); });
}

bool matchesDeny(const RunRule& rule, const RenderedEffect& effect, const RunEffect& run) {
  if (rule.executable && run.executable != *rule.executable) return false;
  if (rule.argv && !matchesArgv(rule, run.argv)) return false;
  if (!rule.cwd.empty() && !isBelowAny(run.cwd, rule.cwd)) return false;
  if (!rule.users.empty() && !contains(rule.users, run.user)) return false;
  if (!rule.flows.empty() && !contains(rule.flows, effect.flow)) return false;
  return rule.env.empty() || std::any_of(run.env.begin(), run.env.end(), [&](const EffectValue& v) {
           return isListed(v.name, rule.env);
         });
}

bool matchesAllow(const AgentRule& rule, const RenderedEffect& effect, const AgentEffect& agent) {
  if (!isNamed(rule, agent)) return false;
  if (!rule.workspaces.empty() && !isWorkspaceListed(agent.workspace, rule.workspaces))
    return false;
  if (!rule.flows.empty() && !contains(rule.flows, effect.flow)) return false;
  return std::all_of(agent.env.begin(), agent.env.end(),
                     [&](const EffectValue& value) { return isListed(value.name, rule.env); });
}

bool matchesDeny(const AgentRule& rule, const RenderedEffect& effect, const AgentEffect& agent) {
  const bool all = rule.agents.empty() && rule.executables.empty();
  if (!all && !isNamed(rule, agent) && !contains(rule.executables, agent.executable)) return false;
  if (!rule.workspaces.empty() && !isWorkspaceListed(agent.workspace, rule.workspaces))
    return false;
  if (!rule.flows.empty() && !contains(rule.flows, effect.flow)) return false;
  return rule.env.empty() ||
         std::any_of(agent.env.begin(), agent.env.end(),
                     [&](const EffectValue& v) { return isListed(v.name, rule.env); });
}

bool matchesAllow(const DbRule& rule, const RenderedEffect& effect, const DbEffect& db) {
  if (!isListed(db.connection, rule.connections)) return false;
  if (!rule.files.empty() && !isBelowAny(db.file, rule.files)) return false;
  if (!rule.flows.empty() && !contains(rule.flows, effect.flow)) return false;
  return rule.write || !db.write;
}

bool matchesDeny(const DbRule& rule, const RenderedEffect& effect, const DbEffect& db) {
  if (!rule.connections.empty() && !isListed(db.connection, rule.connections)) return false;
  if (!rule.files.empty() && !isBelowAny(db.file, rule.files)) return false;
  if (!rule.flows.empty() && !contains(rule.flows, effect.flow)) return false;
  return db.write || !rule.write;
}

bool matchesAllow(const HttpRule& rule, const RenderedEffect& effect, const HttpEffect& http) {
  if (!isHostListed(http.url.host, rule.hosts)) return false;
  if (!contains(rule.schemes, http.url.scheme)) return false;
  if (!contains(rule.methods, http.method)) return false;
  if (!rule.flows.empty() && !contains(rule.flows, effect.flow)) return false;
  if (!rule.connections.empty() && !contains(rule.connections, http.connection)) return false;
  if (rule.ports.empty()) return http.url.port == defaultPort(http.url);
  return std::find(rule.ports.begin(), rule.ports.end(), http.url.port) != rule.ports.end();
}

bool matchesDeny(const HttpRule& rule, const RenderedEffect& effect, const HttpEffect& http) {
  if (!rule.hosts.empty() && !isHostListed(http.url.host, rule.hosts)) return false;
  if (!rule.schemes.empty() && !contains(rule.schemes, http.url.scheme)) return false;
  if (!rule.methods.empty() && !contains(rule.methods, http.method)) return false;
  if (!rule.flows.empty() && !contains(rule.flows, effect.flow)) return false;
  if (!rule.connections.empty() && !contains(rule.connections, http.connection)) return false;
  return rule.ports.empty() ||
         std::find(rule.ports.begin(), rule.ports.end(), http.url.port) != rule.ports.end();
}

}  // namespace belay::trust
