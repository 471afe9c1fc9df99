#include "agent/api/JobTails.h"

#include <algorithm>

#include "common/base/Text.h"
#include "common/base/Utf8.h"
#include "common/json/Json.h"

namespace belay::api {

namespace {

constexpr std::size_t kPieceBytes = 64u << 10;
constexpr std::size_t kPiecesMax = 16;
constexpr std::size_t kLineMax = 500;

}  // namespace

void JobTails::note(const json::Value& event) {
  const json::Value* body = event.find("body");
  const std::string name = event.text("event");
  if (!body) return;
  const std::string step = body->text("step");
  if (name == "step_finished" || name == "attempt_failed") tails_.erase(step);
  if (name != "step_started") return;
  runtime::Attempt attempt;
  attempt.run = run_;
  attempt.key = {step, static_cast<std::uint32_t>(body->integer("visit", 1)),
                 static_cast<std::uint32_t>(body->integer("attempt", 1))};
  attempt.idempotencyKey = body->text("key");
  auto redactor = backend_.deps.vault.redactor();
  if (attempt.idempotencyKey.empty() || !redactor) return;
  Tail tail;
  tail.job = backend_.deps.jobId(attempt);
  tail.masked = std::make_shared<redaction::RedactingStream>(std::move(*redactor));
  tails_[step] = std::move(tail);
}

std::string JobTails::lastLine(Tail& tail) {
  std::string last;
  if (tail.stream == jobs::LogStream::kStdout && !backend_.deps.jobs.lastProgress(tail.job).empty()) {
    tail.stream = jobs::LogStream::kProgress;
    tail.offset = 0;
    tail.unfinished.clear();
  }
  for (std::size_t i = 0; i < kPiecesMax; ++i) {
    const auto piece = backend_.deps.jobs.readLog(tail.job, tail.stream, tail.offset,
                                                  kPieceBytes);
    if (!piece || piece->empty()) break;
    tail.offset += piece->size();
    tail.unfinished += tail.masked->push(*piece);
    const std::size_t end = tail.unfinished.rfind('\n');
    if (end == std::string::npos) {
      if (tail.unfinished.size() > kPieceBytes) tail.unfinished.clear();
      continue;
    }
    for (const std::string_view line : base::split(std::string_view(tail.unfinished).substr(0, end), '\n')) {
      if (line.find_first_not_of(" \t\r") != std::string_view::npos)
        last = base::wholeCharacters(line, kLineMax);
    }
    tail.unfinished.erase(0, end + 1);
  }
  return base::visible(last);
}

std::string JobTails::next() {
  std::string out;
  for (auto& [step, tail] : tails_) {
    const std::string text = lastLine(tail);
    if (text.empty()) continue;
    json::Value progress;
    progress.set("step", step).set("text", text);
    json::Value line;
    line.set("progress", std::move(progress));
    out += json::print(line) + "\n";
  }
  return out;
}

}  // namespace belay::api
