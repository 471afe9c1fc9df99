#include "agent/agents/Narrator.h"

#include "agent/agents/Classify.h"
#include "common/base/Text.h"
#include "common/json/Json.h"

namespace belay::agents {

namespace {

constexpr std::size_t kLineBytesMax = 2000;
constexpr std::size_t kHeldBytesMax = 8000;

std::string withWhat(const Event& event) {
  return event.what.empty() ? event.tool : event.tool + ": " + event.what;
}

}  // namespace

void Narrator::line(std::string_view label, std::string_view text) {
  std::string out(label);
  if (!text.empty()) out += " " + base::visible(cutText(std::string(text), kLineBytesMax));
  if (text.size() > kLineBytesMax) out += " …";
  write_(out + "\n");
}

void Narrator::show(std::string_view label, std::string_view text) {
  flush();
  for (const std::string_view each : base::split(text.substr(0, 64 * 1024), '\n')) {
    if (!base::trim(each).empty()) line(label, each);
  }
}

void Narrator::flush() {
  if (!held_.empty()) line(heldLabel_, held_);
  held_.clear();
}

void Narrator::stream(const Event& event, std::string_view label) {
  if (!event.append || heldLabel_ != label) flush();
  heldLabel_ = label;
  held_ += event.text;
  for (std::size_t end = held_.find('\n'); end != std::string::npos; end = held_.find('\n')) {
    if (end > 0) line(label, std::string_view(held_).substr(0, end));
    held_.erase(0, end + 1);
  }
  if (!event.append && event.kind == Event::Kind::kText && held_.size() > kHeldBytesMax) flush();
  if (held_.size() > kHeldBytesMax) flush();
}

void Narrator::show(const Event& event) {
  switch (event.kind) {
    case Event::Kind::kStart:
      if (!event.text.empty())
        show("agent", event.tool.empty() ? event.text : event.tool + " " + event.text);
      if (!event.what.empty()) show("model", event.what);
      if (!event.id.empty()) show("session", event.id);
      return;
    case Event::Kind::kText:
      return stream(event, "says");
    case Event::Kind::kThought:
      return stream(event, "thinks");
    case Event::Kind::kToolStart:
      return show("tool", withWhat(event));
    case Event::Kind::kToolEnd:
      return event.ok ? show("done", lastLine(event.text))
                      : show("tool failed", lastLine(event.text));
    case Event::Kind::kAsk:
      return show("asks", withWhat(event));
    case Event::Kind::kDenied:
      return show("denied", withWhat(event) + " (" + event.text + ")");
    case Event::Kind::kRetry:
      return show("retry",
                  event.text + (event.status > 0 ? ", HTTP " + std::to_string(event.status) : ""));
    case Event::Kind::kNote:
      if (!event.text.empty()) show("note", event.text);
      return;
    case Event::Kind::kTurn:
    case Event::Kind::kUsage:
    case Event::Kind::kFinal:
      return;
  }
}

void Narrator::showEnd(const DriveResult& result) {
  flush();
  std::string text(outcomeName(result.outcome));
  if (!result.detail.empty()) text += ": " + result.detail;
  line("end", text);
  std::string used = std::to_string(result.usage.input) + " tokens in, " +
                     std::to_string(result.usage.output) + " out, " + std::to_string(result.turns) +
                     " turns";
  if (result.costUsd) used += ", " + json::print(json::Value(*result.costUsd)) + " USD";
  line("used", used);
}

}  // namespace belay::agents
