#include "agent/agents/Tally.h"

#include <algorithm>
#include <utility>

#include "agent/agents/Classify.h"
#include "common/base/Text.h"

namespace belay::agents {

namespace {

constexpr std::size_t kNameBytesMax = 1024;
constexpr std::size_t kMessageBytesMax = 16u << 20;

Usage plus(const Usage& a, const Usage& b) {
  return {a.input + b.input, a.output + b.output, a.cached + b.cached, a.reasoning + b.reasoning};
}

/// The share of this run in what its session has used. A session that has used less than before
/// was begun anew: then all of it is ours.
Usage minus(const Usage& all, const Usage& before) {
  if (all.input < before.input || all.output < before.output || all.cached < before.cached ||
      all.reasoning < before.reasoning) {
    return all;
  }
  return {all.input - before.input, all.output - before.output, all.cached - before.cached,
          all.reasoning - before.reasoning};
}

}  // namespace

Tally::Tally(const DriveSpec& spec) : spec_(spec) {
  result_.agentName = spec.adapter;
  result_.binary = spec.binary;
  if (spec.session.resume) result_.sessionId = spec.session.id;
  result_.cumulative = spec.session.used;
}

void Tally::takeText(const Event& event) {
  if (!event.append) text_.clear();
  if (text_.size() < kMessageBytesMax) text_ += event.text;
}

void Tally::takeUsage(const Event& event) {
  if (event.cumulative) {
    result_.usage = minus(event.usage, spec_.session.used);
    result_.cumulative = event.usage;
  } else {
    result_.usage = event.usage;
    result_.cumulative = plus(spec_.session.used, event.usage);
  }
  if (event.cost) result_.costUsd = std::max(0.0, *event.cost);
}

void Tally::take(const Event& event) {
  ending_.sawEvents = true;
  switch (event.kind) {
    case Event::Kind::kStart:
      if (!event.id.empty()) result_.sessionId = cutText(event.id, kNameBytesMax);
      if (!event.tool.empty()) result_.agentName = cutText(event.tool, kNameBytesMax);
      if (!event.text.empty()) result_.agentVersion = cutText(event.text, kNameBytesMax);
      break;
    case Event::Kind::kText:
      takeText(event);
      break;
    case Event::Kind::kTurn:
      ++result_.turns;
      break;
    case Event::Kind::kUsage:
      takeUsage(event);
      break;
    case Event::Kind::kDenied:
      if (result_.denials.size() < kDenialsMax) {
        result_.denials.push_back(
            {cutText(event.tool, 200), cutText(event.what, 1024), cutText(event.text, 1024)});
      }
      break;
    case Event::Kind::kRetry:
      ending_.lastError = cutText(base::visible(event.text), 500);
      ending_.lastStatus = event.status;
      result_.retryAfterMs = event.retryAfterMs;
      return;
    case Event::Kind::kFinal:
      if (event.outcome == Outcome::kOk && !event.text.empty()) text_ = event.text;
      if (!event.id.empty()) result_.sessionId = cutText(event.id, kNameBytesMax);
      if (event.turns > 0) result_.turns = event.turns;
      if (event.retryAfterMs > 0) result_.retryAfterMs = event.retryAfterMs;
      result_.structured = event.structured;
      ending_.last = event;
      return;
    case Event::Kind::kNote:
      if (!event.text.empty()) ending_.lastError = cutText(base::visible(event.text), 500);
      return;
    case Event::Kind::kThought:
    case Event::Kind::kToolStart:
    case Event::Kind::kToolEnd:
    case Event::Kind::kAsk:
      break;
  }
  // It got on, so what went wrong before was overcome.
  ending_.lastError.clear();
  ending_.lastStatus = 0;
  result_.retryAfterMs = 0;
}

Outcome Tally::retryReason() const { return reasonOf(ending_.lastStatus, ending_.lastError); }

std::string Tally::overBudget() const {
  const Budgets& budgets = spec_.budgets;
  if (budgets.turns > 0 && result_.turns > budgets.turns) return "turns";
  if (budgets.tokens > 0 && result_.usage.total() > budgets.tokens) return "tokens";
  if (budgets.usd > 0 && result_.costUsd && *result_.costUsd > budgets.usd) return "usd";
  return {};
}

DriveResult& Tally::result() {
  result_.text = cutText(text_, kTextBytesMax);
  result_.textTruncated = result_.text.size() < text_.size();
  // The text of a command is any bytes; a result is strict JSON.
  if (!base::isUtf8(result_.text) || result_.text.find('\0') != std::string::npos)
    result_.text = base::visible(result_.text, true);
  return result_;
}

}  // namespace belay::agents
