#include "agent/cli/Commands.h"
#include "agent/cli/Invocation.h"
#include "common/base/Text.h"

namespace belay::cli {

using base::Error;
using base::ErrorCode;
using base::Result;
using json::Value;

namespace {

constexpr std::size_t kFoundMost = 100;
constexpr Flag kFlags[] = {
    {"tag", 0, "TAG", "only flows with this tag"},
    {"limit", 'n', "N", "at most so many (20)"},
};

Result<std::size_t> limitOf(const Invocation& invocation) {
  if (!invocation.has("limit")) return std::size_t{20};
  const auto limit = base::parseUnsigned(invocation.flag("limit"));
  if (limit && *limit >= 1 && *limit <= kFoundMost) return static_cast<std::size_t>(*limit);
  return Error{ErrorCode::kUsage, "--limit must be from 1 to " + std::to_string(kFoundMost)};
}

/// The daemon looks into some hundred flows at once; asks until there is enough, or no more.
Result<api::Envelope> search(Invocation& invocation) {
  const auto text = invocation.positional(0);
  if (!text && !invocation.has("tag")) {
    return Error{ErrorCode::kUsage,
                 "say what to look for: TEXT, --tag TAG, or both",
                 {"belay flow search --help"}};
  }
  BELAY_ASSIGN(const std::size_t most, limitOf(invocation));
  json::Array found;
  std::string after;
  while (true) {
    Target target("/v1/search/flows");
    if (text) target.add("text", *text);
    if (invocation.has("tag")) target.add("tag", invocation.flag("tag"));
    if (!after.empty()) target.add("after", after);
    target.add("limit", std::to_string(most - found.size()));
    BELAY_ASSIGN(api::Envelope answer, invocation.get(target.str()));
    if (answer.error) return answer;
    for (Value& flow : answer.data.find("flows")->asArray()) found.push_back(std::move(flow));
    after = answer.data.text("next_after");
    if (!after.empty() && found.size() < most) continue;
    answer.data.set("flows", std::move(found));
    answer.data.set("more", !after.empty());
    return answer;
  }
}

std::string print(const Invocation& invocation, const Value& data) {
  std::string slugs;
  Table table({"FLOW", "NAME", "TAGS", "LIVE", "IN"});
  for (const Value& flow : data.find("flows")->asArray()) {
    slugs += flow.text("slug") + "\n";
    std::string tags, matches;
    for (const Value& tag : flow.find("tags")->asArray())
      tags += (tags.empty() ? "" : " ") + tag.asString();
    for (const Value& match : flow.find("matches")->asArray())
      matches += (matches.empty() ? "" : " ") + match.asString();
    const std::string live = flow.find("live") ? std::to_string(flow.integer("live")) : "";
    table.row({flow.text("slug"),
               flow.text("name"),
               tags,
               flow.flag("archived") ? "archived" : live,
               {matches, Style::Tone::kDim}});
  }
  if (table.empty()) invocation.note("no flow matches");
  if (data.flag("more")) invocation.note("there are more: --limit");
  if (table.empty()) return "";
  return invocation.quiet() ? slugs : table.print(invocation.style());
}

}  // namespace

const Command kFlowSearchCommand{"flow search",
                                 "[TEXT]",
                                 "find flows by a text of their drafts, or by tag",
                                 "Looks into slugs, names, descriptions and the files themselves; "
                                 "letters A to Z without regard to "
                                 "case. Reads the journal itself when no daemon runs.",
                                 kFlags,
                                 &search,
                                 &print};

}  // namespace belay::cli
