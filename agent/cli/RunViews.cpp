#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <utility>

#include "agent/cli/RunFollower.h"
#include "agent/engine/Names.h"
#include "common/json/Json.h"

namespace belay::cli {

namespace {

using Write = std::function<void(std::string_view)>;

std::string summaryOf(const engine::WaitOpened& wait) {
  const auto request = json::parse(wait.requestJson.empty() ? "{}" : wait.requestJson);
  return request ? shown(request->text("summary")) : "";
}

/// `place`: the flags that say which daemon.
std::string commandFor(const engine::WaitOpened& wait, const std::string& place) {
  switch (wait.kind) {
    case flow::WaitKind::kApproval:
      return "belay " + place + "approve " + wait.wait.str();
    case flow::WaitKind::kCallback:
      return "belay " + place + "callback " + wait.wait.str();
    case flow::WaitKind::kEvent:
      return "belay " + place + "event emit " + shown(wait.eventName);
    default:
      return "";
  }
}

/// Says one event in words; empty for what nobody wants to read.
class Words {
 public:
  Words(const Style& style, const std::string& place) : style_(style), place_(place) {}

  std::string operator()(const engine::RunCreated& e) const {
    return "run of " + shown(e.slug) + " started by " + shown(e.startedBy);
  }
  std::string operator()(const engine::StepStarted& e) const {
    const std::string again = e.key.attempt > 1 ? ", attempt " + std::to_string(e.key.attempt) : "";
    const std::string child = e.child.empty() ? "" : ", run " + e.child.str();
    return name(e.key) + style_.paint(Style::Tone::kBusy, "started") + again + child;
  }
  std::string operator()(const engine::StepFinished& e) const {
    std::string out = name(e.key) + style_.status(engine::outcomeName(e.outcome));
    if (e.durationMs != 0) out += " in " + lasting(e.durationMs);
    if (e.failure) out += ": " + shown(e.failure->message) + " [" + e.failure->code + "]";
    return out;
  }
  std::string operator()(const engine::AttemptFailed& e) const {
    return name(e.key) + style_.status("failed") + ", next attempt in " + lasting(e.delayMs) +
           ": " + shown(e.failure.message);
  }
  std::string operator()(const engine::WaitOpened& e) const {
    std::string out =
        name(e.key) + style_.status("waiting") + " for " + std::string(flow::waitKindName(e.kind));
    if (const std::string summary = summaryOf(e); !summary.empty()) out += ": " + summary;
    const std::string command = commandFor(e, place_);
    if (!command.empty()) out += "  → " + command;
    return out;
  }
  std::string operator()(const engine::WaitResolved& e) const {
    const bool denied =
        e.answer == engine::WaitAnswer::kRejected || e.answer == engine::WaitAnswer::kTimedOut;
    const std::string word = e.answer == engine::WaitAnswer::kApproved   ? "approved"
                             : e.answer == engine::WaitAnswer::kRejected ? "rejected"
                             : e.answer == engine::WaitAnswer::kTimedOut ? "timed_out"
                                                                         : "answered";
    return name(e.key) + style_.paint(denied ? Style::Tone::kBad : Style::Tone::kGood, word) +
           (e.by.empty() ? "" : " by " + shown(e.by));
  }
  std::string operator()(const engine::StepAmbiguous& e) const {
    return name(e.key) + style_.status("ambiguous") + ": " + shown(e.reason);
  }
  std::string operator()(const engine::AmbiguityResolved& e) const {
    return name(e.key) + "resolved by " + shown(e.by);
  }
  std::string operator()(const engine::RunPaused& e) const { return "paused by " + shown(e.by); }
  std::string operator()(const engine::RunResumed& e) const { return "resumed by " + shown(e.by); }
  std::string operator()(const engine::RunStopRequested& e) const {
    return "stop asked for by " + shown(e.by);
  }
  std::string operator()(const engine::RunCancelRequested& e) const {
    if (!e.supersededBy.empty()) return "superseded by " + e.supersededBy.str();
    return "cancelled by " + shown(e.by);
  }
  std::string operator()(const engine::RunFinished& e) const {
    return "run " + style_.status(engine::runEndName(e.end));
  }
  std::string operator()(const engine::BlockStarted& e) const {
    const std::string many = std::to_string(e.count);
    const std::string what = e.kind == engine::BlockKind::kParallel ? many + " branches"
                             : e.kind == engine::BlockKind::kForEach
                                 ? many + " items"
                                 : "at most " + many + " rounds";
    return name(e.key) + style_.paint(Style::Tone::kBusy, "started") + ", " + what;
  }
  std::string operator()(const engine::RoundStarted& e) const {
    const std::string round = "round " + std::to_string(e.round + 1);
    return name(e.key) + (e.delayMs > 0 ? round + " in " + lasting(e.delayMs) : round);
  }
  std::string operator()(const engine::CodeAdvanced& e) const {
    std::string out;
    for (const std::string& line : e.logs) {
      if (!out.empty()) out += '\n';
      out += "log  " + shown(line);
    }
    return out;
  }
  std::string operator()(const engine::RunAdmitted&) const { return "its turn has come"; }
  std::string operator()(const engine::StepHeld& e) const {
    return name(e.attempt.key) + "waits " + lasting(e.delayMs) + " for its turn, rate limit of " +
           shown(e.bucket);
  }
  std::string operator()(const engine::RunRetried& e) const {
    return "retried from " + shown(e.step) + " by " + shown(e.by);
  }

 private:
  static std::string name(const engine::StepKey& key) {
    return shown(key.path) + (key.visit > 1 ? " #" + std::to_string(key.visit) : "") + "  ";
  }
  const Style& style_;
  const std::string& place_;
};

class LineView final : public RunView {
 public:
  LineView(const Style& style, std::string place, Write write)
      : style_(style), place_(std::move(place)), write_(std::move(write)) {}

  void event(const std::string&, const engine::Event& event, const engine::RunState& state,
             const api::RunHistory&) override {
    const std::string words = std::visit(Words(style_, place_), event.body);
    if (words.empty()) return;
    std::string since = "+" + lasting(event.atMs - state.createdAtMs);
    since.resize(std::max<std::size_t>(since.size(), 10), ' ');
    write_(style_.dim(since) + " " + words + "\n");
  }
  void progress(const std::string&, const std::string& step, const std::string& text) override {
    write_(style_.dim("           " + shown(step) + "  " + shown(text)) + "\n");
  }

 private:
  const Style style_;
  const std::string place_;
  const Write write_;
};

class RawView final : public RunView {
 public:
  explicit RawView(Write write) : write_(std::move(write)) {}
  void event(const std::string& line, const engine::Event&, const engine::RunState&,
             const api::RunHistory&) override {
    write_(line + "\n");
  }
  void progress(const std::string& line, const std::string&, const std::string&) override {
    write_(line + "\n");
  }

 private:
  const Write write_;
};

class LiveView final : public RunView {
 public:
  LiveView(bool color, Write write, const Console& console, const base::Clock& clock)
      : color_(color), write_(std::move(write)), console_(console), clock_(clock) {}

  void event(const std::string&, const engine::Event& event, const engine::RunState& state,
             const api::RunHistory& history) override {
    nowMs_ = event.atMs;
    // What was there before we came is drawn once, at its end.
    if (state.finished || clock_.wallMs() - event.atMs < kFreshMs) draw(state, history);
  }
  void progress(const std::string&, const std::string& step, const std::string& text) override {
    said_[step] = text;
  }
  void tick(const engine::RunState& state, const api::RunHistory& history) override {
    draw(state, history);
  }

 private:
  static constexpr std::int64_t kFreshMs = 2000;
  static constexpr std::size_t kVisitsMost = 20;

  static std::size_t linesOf(const std::string& text) {
    return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  }

  /// A line that the terminal wrapped, or scrolled away, could not be drawn over: all fits it.
  void draw(const engine::RunState& state, const api::RunHistory& history) {
    const Style style(color_, std::max<std::size_t>(console_.columns(), 2) - 1);
    const std::size_t rows = std::max<std::size_t>(console_.rows(), 2) - 1;
    const auto line = [&](const std::string& text) {
      return shorten(text, style.columns()) + "\n";
    };
    const std::int64_t now = std::max(nowMs_, clock_.wallMs());
    const engine::RunStatus status = state.status();
    std::string below;
    const api::Advice advice = api::adviseOn(state.id.str(), status, history, nullptr, now);
    if (!advice.reason.empty() && status != engine::RunStatus::kRunning)
      below += line(advice.reason);
    for (const std::string& action : advice.actions) below += line("  " + action);

    std::string text = header(state, style, now) + "\n";
    const auto& visits = history.visits();
    const std::size_t taken = 3 + linesOf(below);
    const std::size_t most = std::min(kVisitsMost, rows - std::min(rows, taken));
    const std::size_t first = visits.size() - std::min(visits.size(), most);
    if (first > 0) text += line("… " + std::to_string(first) + " before");
    Table table({"STEP", "STATUS", "TOOK", ""});
    for (std::size_t i = first; i < visits.size(); ++i) addVisit(table, visits[i], now);
    if (!table.empty()) text += table.print(style, true);
    text += below;
    for (std::size_t at = 0, i = 0; (at = text.find('\n', at)) != std::string::npos;) {
      ++at;
      if (++i == rows) text.erase(at);
    }
    const std::string up = lines_ == 0 ? "" : "\x1b[" + std::to_string(lines_) + "A\r\x1b[J";
    write_(up + text);
    lines_ = linesOf(text);
  }

  static std::string header(const engine::RunState& state, const Style& style, std::int64_t now) {
    const std::string id = state.id.str(), word(engine::runStatusName(state.status()));
    const std::string took =
        lasting((state.finished ? state.updatedAtMs : now) - state.createdAtMs);
    const std::string stands = "  " + word + "  " + took;
    const std::size_t fixed = id.size() + std::strlen(" of ") + stands.size();
    if (fixed >= style.columns()) return shorten(id + stands, style.columns());
    return style.bold(id) + " of " + shorten(shown(state.created.slug), style.columns() - fixed) +
           "  " + style.status(word) + "  " + style.dim(took);
  }

  void addVisit(Table& table, const api::VisitRecord& visit, std::int64_t now) const {
    const std::string word(api::visitStatusName(visit.status));
    std::string note;
    if (visit.wait && !visit.wait->resolved)
      note = std::string(flow::waitKindName(visit.wait->opened.kind));
    else if (visit.finished && visit.finished->failure)
      note = visit.finished->failure->message;
    else if (const auto said = said_.find(visit.path); visit.active() && said != said_.end())
      note = shown(said->second);
    else if (visit.attempts.size() > 1)
      note = std::to_string(visit.attempts.size()) + " attempts";
    table.row({visit.path + (visit.visit > 1 ? " #" + std::to_string(visit.visit) : ""),
               {word, Style::toneOf(word)},
               lasting(visit.active() ? now - visit.startedMs : visit.durationMs),
               {note, Style::Tone::kDim}});
  }

  const bool color_;
  const Write write_;
  const Console& console_;
  const base::Clock& clock_;
  std::int64_t nowMs_ = 0;
  std::size_t lines_ = 0;
  std::map<std::string, std::string> said_;  ///< The last line of each job.
};

}  // namespace

std::unique_ptr<RunView> makeLineView(const Style& style, std::string place, Write write) {
  return std::make_unique<LineView>(style, std::move(place), std::move(write));
}

std::unique_ptr<RunView> makeRawView(Write write) {
  return std::make_unique<RawView>(std::move(write));
}

std::unique_ptr<RunView> makeLiveView(bool color, Write write, const Console& console,
                                      const base::Clock& clock) {
  return std::make_unique<LiveView>(color, std::move(write), console, clock);
}

}  // namespace belay::cli
