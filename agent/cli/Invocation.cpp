#include "agent/cli/Invocation.h"

#include <utility>

#include "agent/cli/LocalReads.h"
#include "common/base/Files.h"
#include "common/base/Units.h"
#include "common/http/Message.h"
#include "common/json/Json.h"

namespace belay::cli {

using api::Envelope;
using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using std::chrono::milliseconds;

Invocation::Invocation(World& world, const ParsedArguments& arguments, Style style)
    : world_(world), arguments_(arguments), style_(style) {}

std::string Invocation::flag(std::string_view name) const {
  const auto found = arguments_.flags.find(name);
  return found == arguments_.flags.end() ? std::string() : found->second;
}

std::vector<std::string> Invocation::flags(std::string_view name) const {
  std::vector<std::string> out;
  const auto [first, last] = arguments_.flags.equal_range(name);
  for (auto it = first; it != last; ++it) out.push_back(it->second);
  return out;
}

Result<milliseconds> Invocation::duration(std::string_view flagName, milliseconds fallback) const {
  if (!has(flagName)) return fallback;
  auto parsed = base::parseDuration(flag(flagName));
  if (parsed) return *parsed;
  return Error{ErrorCode::kUsage, "--" + std::string(flagName) + ": " + parsed.error().message};
}

std::optional<std::string> Invocation::positional(std::size_t index) const {
  if (index >= arguments_.positionals.size()) return std::nullopt;
  return arguments_.positionals[index];
}

std::string Invocation::suggested(std::string text) const {
  constexpr std::string_view kName = "belay ";
  const std::size_t at = text.find(kName);
  const bool begins = at == 0 || (at != std::string::npos && at > 1 &&
                                  (text[at - 2] == ':' || text[at - 2] == ';'));
  if (begins || (at != std::string::npos && text.starts_with("sudo ")))
    text.insert(at + kName.size(), arguments_.place);
  return text;
}

namespace {

/// A word as a shell takes it.
std::string quoted(const std::string& word) {
  constexpr std::string_view kSpecial = " \t\n'\"\\$`;&|<>()[]{}*?!#~^";
  if (!word.empty() && word.find_first_of(kSpecial) == std::string::npos) return word;
  std::string out = word;
  for (std::size_t at = 0; (at = out.find('\'', at)) != std::string::npos; at += 4)
    out.replace(at, 1, "'\\''");
  return "'" + out + "'";
}

}  // namespace

std::string Invocation::again(std::string_view more) const {
  std::string out = "belay " + std::string(arguments_.command->path);
  for (const std::string& word : arguments_.positionals) out += " " + quoted(word);
  for (const Flag& each : arguments_.command->flags) {
    for (const std::string& value : flags(each.name)) {
      out += " --" + std::string(each.name);
      if (!each.value.empty()) out += " " + quoted(value);
    }
  }
  return out + std::string(more);
}

Status Invocation::mayWrite(const std::string& file) const {
  if (has("force") || !base::fileExists(file)) return {};
  return Error{ErrorCode::kConflict,
               file + " is there already: name another file, or write over it",
               {again(" --force")}};
}

std::string Invocation::stopCommand() {
  const auto where = installation();
  if (where && (*where)->ofSystem) return "systemctl stop belay";
  ApiRequest request;
  request.target = "/v1/daemon";
  const auto answer = send(request);
  const std::int64_t pid = answer ? answer->data.integer("pid") : 0;
  return pid > 0 ? "kill " + std::to_string(pid) : "belay doctor";
}

bool Invocation::isAway(const Error& error) {
  if (error.code != ErrorCode::kDaemonUnreachable) return false;
  const auto where = installation();
  return where && !(*where)->socketNamed;
}

Error Invocation::explain(Error error) {
  const auto where = installation();
  if (error.code != ErrorCode::kDaemonUnreachable || !where || (*where)->ofSystem) return error;
  // systemctl first, then `belay daemon`.
  std::size_t foreign = (*where)->socketNamed ? 2 : 1;
  for (; foreign > 0 && error.actions.size() > 1; --foreign)
    error.actions.erase(error.actions.begin());
  return error;
}

void Invocation::note(std::string_view line) const {
  if (!json() && !quiet()) world_.console.err(suggested(std::string(line)) + "\n");
}

Result<const Installation*> Invocation::installation() {
  if (!installation_) {
    BELAY_ASSIGN(Installation found, findInstallation(world_, arguments_));
    installation_.emplace(std::move(found));
  }
  return &*installation_;
}

Result<Transport*> Invocation::transport() {
  if (!transport_) {
    BELAY_ASSIGN(const Installation* where, installation());
    transport_ = world_.connect(where->paths.socket);
  }
  return transport_.get();
}

Result<Envelope> Invocation::send(const ApiRequest& request) {
  BELAY_ASSIGN(Transport * way, transport());
  const auto response = way->send(request);
  if (!response) return explain(response.error());
  return api::parseEnvelope(response->body);
}

Result<Envelope> Invocation::post(const std::string& target, const json::Value& body) {
  ApiRequest request;
  request.method = "POST";
  request.target = target;
  if (!body.isNull()) request.body = json::print(body);
  BELAY_ASSIGN(request.timeout, duration("timeout", request.timeout));
  return send(request);
}

Result<Envelope> Invocation::get(const std::string& target) {
  ApiRequest request;
  request.target = target;
  BELAY_ASSIGN(request.timeout, duration("timeout", request.timeout));
  auto answer = send(request);
  if (answer || !isAway(answer.error())) return answer;
  return getLocally(target, answer.error());
}

Result<Envelope> Invocation::getLocally(const std::string& target, const Error& unreachable) {
  BELAY_ASSIGN(const Installation* where, installation());
  if (!base::fileExists(where->layout().journal())) return unreachable;
  auto data = readLocally(*where, world_.clock, target);
  if (!data) {
    // A daemon that holds the journal and does not answer is the news.
    const ErrorCode code = data.error().code;
    return code == ErrorCode::kJournalLocked || code == ErrorCode::kDaemonUnreachable
               ? unreachable
               : data.error();
  }
  Envelope envelope;
  envelope.data = std::move(*data);
  envelope.meta.set("source", "journal");
  return envelope;
}

Status Invocation::stream(const ApiRequest& request, const Transport::Sink& sink) {
  BELAY_ASSIGN(Transport * way, transport());
  const auto response = way->stream(request, sink);
  if (!response) return explain(response.error());
  if (response->status == 200) return {};
  BELAY_ASSIGN(Envelope envelope, api::parseEnvelope(response->body));
  if (envelope.error) return std::move(*envelope.error);
  return Error{ErrorCode::kHttpProtocol,
               "the daemon answered with status " + std::to_string(response->status)};
}

std::string pathOf(std::string_view prefix, std::string_view part, std::string_view suffix) {
  return std::string(prefix) + "/" + http::percentEncode(part) + std::string(suffix);
}

Target& Target::add(std::string_view name, std::string_view value) {
  text_ += text_.find('?') == std::string::npos ? '?' : '&';
  text_ += std::string(name) + "=" + http::percentEncode(value);
  return *this;
}

}  // namespace belay::cli
