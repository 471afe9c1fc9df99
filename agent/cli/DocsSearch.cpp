#include "agent/authoring/DocSearch.h"
#include "agent/cli/Commands.h"
#include "agent/cli/Invocation.h"
#include "common/base/Text.h"

namespace belay::cli {

using base::Error;
using base::ErrorCode;
using base::Result;
using json::Value;

namespace {

constexpr std::size_t kMost = 50;
constexpr std::size_t kUsual = 8;
constexpr Flag kFlags[] = {{"limit", 0, "N", "results at most; 8, at most 50"}};

/// The command that prints a page.
std::string openerOf(std::string_view path) {
  constexpr std::string_view kErrors = "docs/errors/";
  constexpr std::string_view kDocs = "docs/";
  const std::string_view stem = path.substr(0, path.size() - std::string_view(".md").size());
  if (path.starts_with(kErrors)) return "belay explain " + std::string(stem.substr(kErrors.size()));
  return "belay docs " + std::string(stem.substr(kDocs.size()));
}

Result<api::Envelope> search(Invocation& invocation) {
  std::size_t most = kUsual;
  if (invocation.has("limit")) {
    const auto given = base::parseUnsigned(invocation.flag("limit"));
    if (!given || *given == 0 || *given > kMost)
      return Error{ErrorCode::kUsage, "--limit takes a number from 1 to 50"};
    most = static_cast<std::size_t>(*given);
  }
  const auto& words = invocation.arguments().positionals;
  json::Array results;
  for (const authoring::DocHit& hit : authoring::searchDocs(words, most)) {
    Value out;
    out.set("page", hit.path).set("heading", hit.heading).set("excerpt", hit.excerpt);
    out.set("open", openerOf(hit.path)).set("score", static_cast<std::int64_t>(hit.score));
    results.push_back(std::move(out));
  }
  api::Envelope out;
  out.data.set("query", base::join(words, " ")).set("results", std::move(results));
  return out;
}

std::string print(const Invocation& invocation, const Value& data) {
  const json::Array& results = data.find("results")->asArray();
  if (results.empty()) {
    invocation.note("the manual has nothing about it; its pages: belay docs");
    return "";
  }
  std::string out;
  for (const Value& result : results) {
    out += invocation.style().bold(shown(result.text("heading"))) + "  " +
           invocation.style().dim(result.text("open")) + "\n";
    if (!result.text("excerpt").empty()) out += "  " + shown(result.text("excerpt")) + "\n";
  }
  return out;
}

}  // namespace

const Command kDocsSearchCommand{
    "docs search",
    "WORDS…",
    "search the manual and the pages of error codes",
    "Sections with all the words come first. Each result names the command that opens its page.",
    kFlags,
    &search,
    &print};

}  // namespace belay::cli
