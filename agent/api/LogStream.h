#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/api/Backend.h"
#include "agent/api/RunHistory.h"
#include "agent/jobs/JobRunner.h"
#include "common/redaction/Redactor.h"

namespace belay::api {

struct LogOptions {
  std::string step;     ///< Empty: all `run` steps.
  bool follow = false;  ///< Until the run has ended; else what is there now.
};

/// Sends the logs of a run's jobs, one JSON object a line, in the order in which the jobs wrote:
/// {"step","visit","attempt","stream","at_boot_ms","text" or "base64"}. Secrets are masked.
///
/// Threads:   begin() and pump() the loop; tick() the server's.
/// Ownership: held by its ticks and posts.
class LogStream : public std::enable_shared_from_this<LogStream> {
 public:
  LogStream(Backend& backend, ExchangePtr exchange, LogOptions options);

  void begin(runtime::Runtime& runtime);
  /// Looks again after a while, as long as it follows.
  void tick();

 private:
  /// One job whose log is sent, and how far it has come.
  struct Source {
    std::string step;
    std::uint32_t visit = 1;
    std::uint32_t attempt = 1;
    base::JobId job;
    bool ended = false;
    std::size_t spans = 0;         ///< Sent whole.
    std::uint64_t spanOffset = 0;  ///< Sent of the next one.
    int quietTurns = 0;            ///< Since the last that had something new.
    std::unique_ptr<redaction::RedactingStream> streams[jobs::kLogStreams];
  };

  base::Status findSources();
  void pump();
  bool flush();
  /// True when the source has nothing more for now.
  base::Result<bool> readSome(Source& source);
  void append(const Source& source, const jobs::LogSpan& span, const std::string& text);
  /// Sends on what its streams hold back: all, or what may be a prompt.
  void takeHeld(Source& source, bool all);
  void end(bool whole);

  Backend& backend_;
  ExchangePtr exchange_;
  const LogOptions options_;

  // The loop's.
  runtime::Runtime* runtime_ = nullptr;
  base::RunId run_;
  bool runEnded_ = false;
  bool changed_ = true;  ///< The run has changed since its sources were looked for.
  std::vector<std::string> known_;
  std::deque<Source> sources_;
  std::shared_ptr<const redaction::Redactor> redactor_;  ///< Shared with the vault.
  http::ResponseStream stream_;
  std::string unsent_;
  Subscriptions::Id subscription_ = 0;
  jobs::LogSpan lastSpan_;

  std::atomic<bool> over_{false};
};

}  // namespace belay::api
