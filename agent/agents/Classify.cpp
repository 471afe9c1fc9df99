#include "agent/agents/Classify.h"

#include <algorithm>
#include <array>
#include <utility>

#include "common/base/Text.h"
#include "common/base/Utf8.h"
#include "common/json/Json.h"

namespace belay::agents {

namespace {

struct Words {
  std::string_view text;  ///< In lower case.
  Outcome outcome;
};

// In this order: a quota that is used up is often told with the words of a rate limit, too.
constexpr std::array<Words, 24> kWords{{
    {"insufficient_quota", Outcome::kQuota},
    {"exceeded your current quota", Outcome::kQuota},
    {"credit balance is too low", Outcome::kQuota},
    {"usage limit", Outcome::kQuota},
    {"quota exceeded", Outcome::kQuota},
    {"quota exhausted", Outcome::kQuota},
    {"billing", Outcome::kQuota},
    {"hit your limit", Outcome::kQuota},
    {"payment required", Outcome::kQuota},
    {"rate limit", Outcome::kRateLimited},
    {"rate_limit", Outcome::kRateLimited},
    {"too many requests", Outcome::kRateLimited},
    {"resource_exhausted", Outcome::kRateLimited},
    {"overloaded", Outcome::kRateLimited},
    {"not logged in", Outcome::kAuth},
    {"please run /login", Outcome::kAuth},
    {"invalid api key", Outcome::kAuth},
    {"incorrect api key", Outcome::kAuth},
    {"api key not valid", Outcome::kAuth},
    {"authentication", Outcome::kAuth},
    {"unauthorized", Outcome::kAuth},
    {"missing environment variable", Outcome::kAuth},
    {"no conversation found", Outcome::kSession},
    {"session not found", Outcome::kSession},
}};

std::string because(const std::string& what, const std::string& words) {
  return words.empty() ? what : what + ": " + words;
}

/// JSON.stringify() writes half of a surrogate pair as \udXXX: nothing that strict JSON may have.
std::string mendSurrogates(std::string_view line) {
  std::string out;
  const auto unit = [&](std::size_t at) -> unsigned {
    if (at + 6 > line.size() || line[at] != '\\' || line[at + 1] != 'u') return 0;
    const auto bytes = base::fromHex(line.substr(at + 2, 4));
    return bytes ? static_cast<unsigned>((*bytes)[0]) << 8 | (*bytes)[1] : 0;
  };
  for (std::size_t i = 0; i < line.size();) {
    if (line[i] != '\\') {
      out += line[i++];
      continue;
    }
    const unsigned first = unit(i);
    if (first < 0xD800 || first > 0xDFFF) {
      out += line.substr(i, 2);
      i += 2;
      continue;
    }
    const unsigned second = unit(i + 6);
    const bool pair = first < 0xDC00 && second >= 0xDC00 && second <= 0xDFFF;
    out += pair ? line.substr(i, 12) : std::string_view("\\ufffd");
    i += pair ? 12 : 6;
  }
  return out;
}

}  // namespace

Outcome reasonOf(int status, std::string_view words) {
  const std::string lower = base::toLower(words.substr(0, 4096));
  for (const Words& row : kWords) {
    if (lower.find(row.text) != std::string::npos &&
        (status < 500 || row.outcome != Outcome::kAuth))
      return row.outcome;
  }
  if (status == 401 || status == 403) return Outcome::kAuth;
  if (status == 402) return Outcome::kQuota;
  if (status == 429 || status == 529) return Outcome::kRateLimited;
  return Outcome::kFailed;
}

std::string howItEnded(const Ending& ending) {
  if (ending.signal) return "signal " + std::to_string(*ending.signal);
  if (ending.exitCode) return "exit status " + std::to_string(*ending.exitCode);
  return "no exit status";
}

std::string cutText(std::string text, std::size_t bytes) {
  text.resize(base::wholeCharacters(text, bytes).size());
  return text;
}

std::string lastLine(std::string_view text) {
  const std::vector<std::string_view> lines = base::split(text, '\n');
  for (std::size_t i = lines.size(); i > 0; --i) {
    const std::string_view line = base::trim(lines[i - 1]);
    if (!line.empty()) return cutText(base::visible(line), 500);
  }
  return {};
}

Verdict judgeEnding(const Ending& ending) {
  Verdict verdict;
  const std::string how = howItEnded(ending);
  const std::string said = ending.lastError.empty() ? lastLine(ending.errors) : ending.lastError;
  if (ending.signal) {
    verdict.outcome = Outcome::kKilled;
    verdict.detail = "it was ended by " + how;
  } else if (!ending.last) {
    // Also exit status 0: an interrupted agent ends so, with half of its stream.
    verdict.outcome = reasonOf(ending.lastStatus, said + "\n" + ending.errors);
    if (verdict.outcome == Outcome::kFailed && !ending.sawEvents && ending.exitCode == 0) {
      verdict.outcome = Outcome::kProtocol;
    }
    verdict.detail = because("it ended without its last event, " + how, said);
  } else if (ending.last->outcome != Outcome::kOk) {
    verdict.outcome = ending.last->outcome;
    verdict.budget = ending.last->budget;
    if (verdict.outcome == Outcome::kFailed) {
      verdict.outcome = reasonOf(ending.last->status, ending.last->text);
    }
    verdict.detail = because("it says that it failed, " + how, lastLine(ending.last->text));
  } else if (ending.exitCode != 0) {
    verdict.outcome = reasonOf(ending.lastStatus, said);
    verdict.detail = because("its last event says success, but it ended with " + how, said);
  } else {
    verdict.outcome = Outcome::kOk;
  }
  return verdict;
}

std::int64_t retryAfterIn(std::string_view words) {
  const std::string lower = base::toLower(words.substr(0, 4096));
  for (const std::string_view before :
       {"try again in ", "retry-after: ", "retry after ", "reset after "}) {
    const std::size_t found = lower.find(before);
    if (found == std::string::npos) continue;
    std::size_t end = found + before.size();
    const std::size_t start = end;
    while (end < lower.size() && lower[end] >= '0' && lower[end] <= '9') ++end;
    const auto number = base::parseUnsigned(std::string_view(lower).substr(start, end - start));
    if (!number || *number > 10'000'000) continue;
    const std::string_view rest = base::trim(std::string_view(lower).substr(end));
    std::int64_t unit = 1000;
    if (rest.starts_with("ms") || rest.starts_with("milli")) unit = 1;
    if (rest.starts_with("m") && unit != 1) unit = 60'000;
    if (rest.starts_with("h")) unit = 3'600'000;
    return static_cast<std::int64_t>(*number) * unit;
  }
  return 0;
}

std::optional<json::Value> parseLine(std::string_view line) {
  const std::string_view text = base::trim(line);
  if (text.empty() || text.front() != '{') return std::nullopt;
  auto parsed = json::parse(text);
  if (!parsed && text.find("\\u") != std::string_view::npos)
    parsed = json::parse(mendSurrogates(text));
  if (!parsed || !parsed->isObject()) return std::nullopt;
  return std::move(*parsed);
}

std::string firstText(const json::Value& value, std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    std::string text = value.text(name);
    if (!text.empty()) return text;
  }
  return {};
}

std::int64_t countIn(const json::Value& value, std::string_view name) {
  return std::clamp<std::int64_t>(value.integer(name), 0, 1'000'000'000'000);
}

std::string describeInput(const json::Value& input) {
  if (input.isString()) return cutText(input.asString(), 1024);
  std::string out = firstText(input, {"command", "cmd", "file_path", "filePath", "path",
                                      "absolute_path", "url", "pattern", "query"});
  if (const json::Value* words = input.find("command"); out.empty() && words && words->isArray()) {
    for (const json::Value& word : words->asArray()) {
      if (word.isString()) out += (out.empty() ? "" : " ") + word.asString();
    }
  }
  if (out.empty() && !input.isNull()) out = json::print(input);
  return cutText(std::move(out), 1024);
}

}  // namespace belay::agents
