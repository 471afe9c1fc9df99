#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/cli/Command.h"
#include "agent/cli/Installation.h"
#include "agent/cli/Style.h"
#include "agent/cli/Transport.h"
#include "agent/cli/World.h"

namespace belay::cli {

/// One command line at work: its words, where it writes, and its way to the daemon.
///
/// Threads:   owner.
/// Ownership: borrows world and arguments.
class Invocation {
 public:
  Invocation(World& world, const ParsedArguments& arguments, Style style);

  World& world() const { return world_; }
  const Style& style() const { return style_; }
  const ParsedArguments& arguments() const { return arguments_; }
  bool json() const { return arguments_.has("json"); }
  bool quiet() const { return arguments_.has("quiet"); }
  std::int64_t nowMs() const { return world_.clock.wallMs(); }

  bool has(std::string_view flag) const { return arguments_.has(flag); }
  /// The value of a flag; empty when it was not given.
  std::string flag(std::string_view name) const;
  std::vector<std::string> flags(std::string_view name) const;
  /// Errors: kUsage naming the flag.
  base::Result<std::chrono::milliseconds> duration(std::string_view flag,
                                                   std::chrono::milliseconds fallback) const;
  std::optional<std::string> positional(std::size_t index) const;
  /// The positional, which the command requires.
  const std::string& argument(std::size_t index) const { return arguments_.positionals.at(index); }

  /// Something for people, on standard error; nothing with --json or --quiet.
  void note(std::string_view line) const;

  /// A command that people are told to use next, with the flags that lead to the same daemon.
  std::string suggested(std::string text) const;
  /// This command line, without the flags that every command takes, and with `more`.
  std::string again(std::string_view more = {}) const;
  /// Errors: kConflict for a file that is there, without --force.
  base::Status mayWrite(const std::string& file) const;
  /// What ends the daemon at hand: of systemd, or of its process.
  std::string stopCommand();

  /// The command has written its output itself, as a stream: no envelope follows unless it failed.
  void setStreamed() { streamed_ = true; }
  bool streamed() const { return streamed_; }

  /// Errors: of findInstallation().
  base::Result<const Installation*> installation();

  /// A read: from the daemon, and from the journal when it does not run (meta.source says which).
  base::Result<api::Envelope> get(const std::string& target);
  /// Nobody answered, and the folder of the daemon is known: its files can be looked at instead.
  bool isAway(const base::Error& error);
  /// What only a daemon can do.
  base::Result<api::Envelope> send(const ApiRequest& request);
  base::Result<api::Envelope> post(const std::string& target, const json::Value& body = {});
  /// Streams the answer's body; an answer that is no stream is its error.
  base::Status stream(const ApiRequest& request, const Transport::Sink& sink);

 private:
  base::Result<Transport*> transport();
  /// Who starts the daemon depends on whose it is, which its socket does not tell.
  base::Error explain(base::Error error);
  base::Result<api::Envelope> getLocally(const std::string& target, const base::Error& unreachable);

  World& world_;
  const ParsedArguments& arguments_;
  Style style_;
  bool streamed_ = false;
  std::optional<Installation> installation_;
  std::unique_ptr<Transport> transport_;
};

/// "/v1/runs" and what is put behind it, each part escaped.
std::string pathOf(std::string_view prefix, std::string_view part, std::string_view suffix = {});
/// Collects query parameters, escaped.
class Target {
 public:
  explicit Target(std::string path) : text_(std::move(path)) {}
  Target& add(std::string_view name, std::string_view value);
  const std::string& str() const { return text_; }

 private:
  std::string text_;
};

}  // namespace belay::cli
