#include "agent/api/LogStream.h"

#include <algorithm>
#include <array>
#include <utility>

#include "agent/api/Routes.h"
#include "agent/engine/Path.h"
#include "agent/flow/Family.h"
#include "common/base/Text.h"
#include "common/json/Writer.h"

namespace belay::api {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

constexpr std::size_t kPieceBytes = 32u << 10;
constexpr std::size_t kSpansPerTurn = 64;
constexpr std::size_t kEventsPerRead = 512;
constexpr int kQuietTurns = 2;  // Until what a stream holds back may be a prompt.
constexpr std::chrono::milliseconds kLookAgain{150};  ///< A log that grows tells nobody.

std::string_view streamName(jobs::LogStream stream) {
  constexpr std::array<std::string_view, jobs::kLogStreams> kNames{"stdout", "stderr", "progress"};
  return kNames[static_cast<std::size_t>(stream)];
}

/// The output of a job belongs to no event, so its lines are not part of what this reads.
Status readEvents(journal::Journal& journal, const base::RunId& run, RunHistory& history) {
  for (std::uint64_t after = 0;;) {
    BELAY_ASSIGN(const std::vector<journal::EventRow> rows,
                 journal.events(run, after, kEventsPerRead));
    for (const journal::EventRow& row : rows) {
      BELAY_ASSIGN(const engine::EventBody body, engine::decodeBody(row.name, row.body));
      history.add(row.atMs, body);
      after = row.seq;
    }
    if (rows.size() < kEventsPerRead) return {};
  }
}

}  // namespace

LogStream::LogStream(Backend& backend, ExchangePtr exchange, LogOptions options)
    : backend_(backend), exchange_(std::move(exchange)), options_(std::move(options)) {}

void LogStream::begin(runtime::Runtime& runtime) {
  runtime_ = &runtime;
  auto found = findRun(runtime.journal(), exchange_->param("run"));
  if (!found) return exchange_->fail(found.error());
  run_ = *found;
  auto redactor = backend_.deps.vault.redactor();
  // Unmasked is no way out: a vault that cannot be opened shows no log.
  if (!redactor) return exchange_->fail(redactor.error());
  redactor_ = std::move(*redactor);
  if (const Status sources = findSources(); !sources) return exchange_->fail(sources.error());
  if (known_.empty() && !options_.step.empty() && runEnded_) {
    return exchange_->fail(Error{
        ErrorCode::kNotFound,
        "run " + run_.str() + " has no job of a step \"" + base::visible(options_.step) + "\"",
        {"belay run show " + run_.str()}});
  }
  stream_ = exchange_->responder().stream(http::ServerResponse::of(200, "application/x-ndjson", ""),
                                          {nullptr, nullptr});
  const std::weak_ptr<LogStream> weak = weak_from_this();
  subscription_ = backend_.subscriptions.add(
      run_,
      [weak] {
        if (const auto self = weak.lock()) self->changed_ = true;
      },
      [weak] {
        if (const auto self = weak.lock()) self->end(false);
      });
  pump();
}

void LogStream::tick() {
  if (over_.load()) return;
  // A full inbox: the next tick tries again.
  static_cast<void>(
      backend_.afterCommit([self = shared_from_this()](runtime::Runtime&) { self->pump(); }));
  backend_.later(kLookAgain, [self = shared_from_this()] { self->tick(); });
}

Status LogStream::findSources() {
  changed_ = false;
  BELAY_ASSIGN(const std::optional<journal::RunRow> row, runtime_->journal().run(run_));
  if (!row) return Error{ErrorCode::kRunNotFound, "run " + run_.str() + " is not there any more"};
  runEnded_ = engine::isFinal(row->status);
  BELAY_ASSIGN(const std::shared_ptr<const runtime::LoadedFlow> loaded,
               runtime_->flows().get(row->flowDigest));
  RunHistory history;
  BELAY_TRY(readEvents(runtime_->journal(), run_, history));
  for (const VisitRecord& visit : history.visits()) {
    const auto family = kindOf(visit, &loaded->flow).family;
    const bool isJob = visit.started && family && flow::runsAsJob(*family);
    if (!isJob || (!options_.step.empty() && visit.path != options_.step)) continue;
    for (const AttemptRecord& attempt : visit.attempts) {
      runtime::Attempt key;
      key.run = run_;
      key.key = engine::StepKey{visit.path, visit.visit, attempt.attempt};
      key.idempotencyKey = visit.started->idempotencyKey;
      Source source;
      source.job = backend_.deps.jobId(key);
      source.ended = attempt.endedMs != 0 || runEnded_;
      const auto before = std::find(known_.begin(), known_.end(), source.job.str());
      if (before != known_.end()) {
        for (Source& old : sources_)
          old.ended = old.ended || (old.job == source.job && source.ended);
        continue;
      }
      known_.push_back(source.job.str());
      source.step = visit.path;
      source.visit = visit.visit;
      source.attempt = attempt.attempt;
      for (auto& stream : source.streams)
        stream = std::make_unique<redaction::RedactingStream>(redactor_);
      sources_.push_back(std::move(source));
    }
  }
  return {};
}

void LogStream::append(const Source& source, const jobs::LogSpan& span, const std::string& text) {
  if (text.empty()) return;
  json::Writer writer(unsent_);
  writer.beginObject().member("step", source.step);
  writer.member("visit", static_cast<std::int64_t>(source.visit));
  writer.member("attempt", static_cast<std::int64_t>(source.attempt));
  writer.member("stream", streamName(span.stream)).member("at_boot_ms", span.bootMs);
  if (base::isUtf8(text))
    writer.member("text", text);
  else
    writer.member("base64", base::toBase64(text));
  writer.endObject();
  unsent_ += '\n';
}

bool LogStream::flush() {
  if (unsent_.empty()) return true;
  switch (stream_.write(unsent_)) {
    case http::ResponseStream::Write::kTaken:
      unsent_.clear();
      return true;
    case http::ResponseStream::Write::kFull:
      return false;
    case http::ResponseStream::Write::kClosed:
      end(false);
      return false;
  }
  return false;
}

Result<bool> LogStream::readSome(Source& source) {
  auto spans = backend_.deps.jobs.readLogOrder(source.job, source.spans, kSpansPerTurn);
  // A job that is not started yet has no folder; one of long ago has it no more.
  if (!spans && spans.error().code == ErrorCode::kNotFound) return true;
  if (!spans) return std::move(spans).error();
  std::size_t bytes = 0;
  for (const jobs::LogSpan& span : *spans) {
    while (source.spanOffset < span.length && bytes < kPieceBytes) {
      const std::size_t most =
          std::min<std::uint64_t>(kPieceBytes, span.length - source.spanOffset);
      BELAY_ASSIGN(const std::string piece,
                   backend_.deps.jobs.readLog(source.job, span.stream,
                                              span.offset + source.spanOffset, most));
      if (piece.empty()) return true;
      source.spanOffset += piece.size();
      bytes += piece.size();
      source.quietTurns = 0;
      lastSpan_ = span;
      append(source, span, source.streams[static_cast<std::size_t>(span.stream)]->push(piece));
    }
    if (source.spanOffset < span.length) return false;
    source.spanOffset = 0;
    ++source.spans;
  }
  return spans->size() < kSpansPerTurn;
}

void LogStream::takeHeld(Source& source, bool all) {
  for (std::size_t i = 0; i < jobs::kLogStreams; ++i) {
    redaction::RedactingStream& held = *source.streams[i];
    append(source, jobs::LogSpan{lastSpan_.bootMs, static_cast<jobs::LogStream>(i), 0, 0},
           all ? held.finish() : held.release());
  }
}

void LogStream::pump() {
  // Bounded by what the peer takes: after streamBytesMax it waits for room.
  while (!over_.load() && flush()) {
    if (changed_) {
      if (!findSources()) return end(false);
    }
    if (sources_.empty()) {
      if (runEnded_ || !options_.follow) end(true);
      return;
    }
    Source& source = sources_.front();
    const bool ended = source.ended;
    const auto drained = readSome(source);
    if (!drained) return end(false);
    if (!*drained) continue;
    // What was there when its end was known is all that there is.
    if (!ended && options_.follow) {
      if (++source.quietTurns >= kQuietTurns) takeHeld(source, false);
      static_cast<void>(flush());
      return;
    }
    takeHeld(source, true);
    sources_.pop_front();
  }
}

void LogStream::end(bool whole) {
  if (over_.exchange(true)) return;
  backend_.subscriptions.remove(subscription_);
  if (whole && stream_.open()) {
    static_cast<void>(stream_.write(unsent_));
    stream_.end();
  }
  stream_ = {};
}

void streamLogs(Backend& backend, const ExchangePtr& exchange) {
  const auto options = [&]() -> Result<LogOptions> {
    BELAY_ASSIGN(ReadArguments::Pairs query, parseQuery(exchange->request().query));
    BELAY_TRY(checkQuery("step follow", query));
    const ReadArguments arguments({}, std::move(query));
    return LogOptions{arguments.text("step"), arguments.flag("follow")};
  }();
  if (!options) return exchange->fail(options.error());
  auto stream = std::make_shared<LogStream>(backend, exchange, *options);
  const bool posted =
      backend.afterCommit([stream](runtime::Runtime& runtime) { stream->begin(runtime); });
  if (!posted) return exchange->fail(busy());
  backend.later(kLookAgain, [stream] { stream->tick(); });
}

}  // namespace belay::api
