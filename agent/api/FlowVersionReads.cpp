#include <algorithm>
#include <utility>

#include "agent/api/Checking.h"
#include "agent/api/Reads.h"
#include "agent/api/Trusting.h"
#include "agent/flow/Bundle.h"
#include "common/base/LineDiff.h"
#include "common/base/Text.h"
#include "common/base/Units.h"

namespace belay::api {

using base::Error;
using base::ErrorCode;
using base::Result;
using journal::FlowChange;
using json::Value;

namespace {

constexpr std::size_t kReleasesMost = 1000;
constexpr std::size_t kFoundMost = 100;
/// Flows that one search looks into before it gives a place to go on from: parsing them takes the
/// loop's time.
constexpr std::size_t kFlowsSearched = 200;

struct Content {
  runtime::FlowVersion version;
  journal::FlowRow row;
};

Result<Content> findContent(ReadContext& context, const std::string& slug,
                            const std::string& which) {
  BELAY_ASSIGN(runtime::FlowVersion version, runtime::findVersion(context.journal, slug, which));
  BELAY_ASSIGN(std::optional<journal::FlowRow> row, context.journal.flowByDigest(version.digest));
  if (!row) {
    return Error{ErrorCode::kJournalCorrupt,
                 "flow " + version.digest + " of " + slug + " is not in the journal",
                 {"belay journal verify"}};
  }
  return Content{std::move(version), std::move(*row)};
}

Value promotionToJson(const journal::FlowChangeRow& row) {
  Value out;
  out.set("release", row.release)
      .set("digest", row.digest)
      .set("rollback", row.what == FlowChange::kRolledBack);
  out.set("at", base::formatInstant(row.atMs)).set("by", row.by);
  return out;
}

std::string readableOf(const Content& content) {
  const auto format = flow::formatNamed(content.row.format).value_or(flow::Format::kYaml);
  return flow::readableText(content.row.content, format);
}

Value sideOf(const Content& content) {
  Value out;
  out.set("name", content.version.source).set("digest", content.version.digest);
  return out;
}

/// ASCII letters without regard to case: slugs, tags and most names are.
bool holds(std::string_view text, const std::string& lowered) {
  return base::toLower(text).find(lowered) != std::string::npos;
}

struct Query {
  std::string text;  ///< In lower case.
  std::string tag;
};

/// Where a flow matches; nothing: nowhere.
json::Array matchesIn(const flow::Flow& flow, const std::string& content, const Query& query) {
  json::Array out;
  const bool tagged = std::find(flow.tags.begin(), flow.tags.end(), query.tag) != flow.tags.end();
  if (!query.tag.empty() && !tagged) return out;
  if (!query.tag.empty()) out.emplace_back("tag");
  if (query.text.empty()) return out;
  const std::size_t before = out.size();
  if (holds(flow.slug.str(), query.text)) out.emplace_back("slug");
  if (holds(flow.name, query.text)) out.emplace_back("name");
  if (holds(flow.description, query.text)) out.emplace_back("description");
  if (out.size() == before && holds(content, query.text)) out.emplace_back("content");
  return out.size() == before ? json::Array{} : out;
}

Result<Value> searchOne(ReadContext& context, const journal::FlowHeadRow& head,
                        const Query& query) {
  BELAY_ASSIGN(const std::optional<journal::FlowRow> row,
               context.journal.flowByDigest(head.draftDigest));
  if (!row || (!query.text.empty() && !holds(row->content, query.text))) return Value();
  // Not by the cache: a search must not drive out the flows of runs.
  const auto flow = flow::storedFlow(row->content, row->slug, row->format);
  if (!flow) return Value();
  json::Array matches = matchesIn(*flow, row->content, query);
  if (matches.empty()) return Value();
  BELAY_ASSIGN(const runtime::FlowState state, runtime::flowState(context.journal, head.slug));
  Value out;
  json::Array tags;
  for (const std::string& tag : flow->tags) tags.emplace_back(tag);
  out.set("slug", head.slug).set("name", flow->name).set("description", flow->description);
  out.set("tags", std::move(tags)).set("matches", std::move(matches));
  if (state.live) out.set("live", state.live->release);
  out.set("archived", state.archived.has_value());
  return out;
}

}  // namespace

Value diffToJson(Value from, std::string_view fromText, Value to, std::string_view toText) {
  const base::LineDiff diff = base::diffLines(fromText, toText);
  json::Array hunks;
  for (const base::DiffHunk& hunk : diff.hunks) {
    Value out;
    out.set("from_line", static_cast<std::int64_t>(hunk.fromLine));
    out.set("from_count", static_cast<std::int64_t>(hunk.fromCount));
    out.set("to_line", static_cast<std::int64_t>(hunk.toLine));
    out.set("to_count", static_cast<std::int64_t>(hunk.toCount));
    json::Array lines;
    for (const base::DiffLine& line : hunk.lines)
      lines.emplace_back(line.mark + std::string(line.text));
    out.set("lines", std::move(lines));
    hunks.push_back(std::move(out));
  }
  Value data;
  const std::string text = base::unifiedText(diff, from.text("name"), to.text("name"));
  data.set("from", std::move(from)).set("to", std::move(to)).set("same", diff.hunks.empty());
  data.set("added", static_cast<std::int64_t>(diff.added))
      .set("removed", static_cast<std::int64_t>(diff.removed));
  data.set("hunks", std::move(hunks)).set("text", text);
  return data;
}

Result<Value> readFlowContent(ReadContext& context, const ReadArguments& arguments) {
  const std::string& slug = arguments.param("slug");
  const std::string* of = arguments.query("of");
  BELAY_ASSIGN(Content content, findContent(context, slug, of ? *of : "draft"));
  Value out;
  out.set("flow", slug).set("name", content.version.source).set("digest", content.version.digest);
  auto bundle = content.row.format == flow::formatName(flow::Format::kBundle)
                    ? flow::parseBundle(content.row.content)
                    : Result<flow::Bundle>(flow::Bundle{});
  if (!bundle) return std::move(bundle).error();
  if (bundle->files.empty()) {
    out.set("format", content.row.format).set("content", std::move(content.row.content));
    return out;
  }
  Value files{json::Object{}};
  for (auto& [name, text] : bundle->files) files.set(name, std::move(text));
  out.set("format", flow::formatName(bundle->format)).set("content", std::move(bundle->content));
  out.set("files", std::move(files));
  return out;
}

Result<Value> readFlowDiff(ReadContext& context, const ReadArguments& arguments) {
  const std::string& slug = arguments.param("slug");
  const std::string* from = arguments.query("from");
  const std::string* to = arguments.query("to");
  BELAY_ASSIGN(const Content before, findContent(context, slug, from ? *from : "live"));
  BELAY_ASSIGN(const Content after, findContent(context, slug, to ? *to : "draft"));
  Value out = diffToJson(sideOf(before), readableOf(before), sideOf(after), readableOf(after));
  out.set("flow", slug);
  return out;
}

Result<Value> readReleases(ReadContext& context, const ReadArguments& arguments) {
  const std::string& slug = arguments.param("slug");
  BELAY_ASSIGN(const std::size_t most, arguments.limit(50, kReleasesMost));
  BELAY_ASSIGN(const std::uint64_t before, arguments.number("before", 0));
  BELAY_ASSIGN(const runtime::FlowState state, runtime::flowState(context.journal, slug));
  std::int64_t row = 0;
  if (before != 0) {
    BELAY_ASSIGN(const auto from, context.journal.release(slug, static_cast<std::int64_t>(before)));
    if (!from) {
      return Error{ErrorCode::kReleaseNotFound,
                   "flow " + slug + " has no release " + std::to_string(before),
                   {"belay flow releases " + slug}};
    }
    row = from->number;
  }
  BELAY_ASSIGN(auto rows, context.journal.flowChanges(slug, FlowChange::kReleased, row, most + 1));
  Value out;
  out.set("flow", slug);
  if (state.live) out.set("live", promotionToJson(*state.live));
  BELAY_TRY(addPins(context, slug, out));
  const bool more = rows.size() > most;
  if (more) rows.resize(most);
  json::Array releases;
  for (const auto& change : rows) {
    Value release = releaseToJson(change);
    release.set("live", state.live && state.live->release == change.release);
    releases.push_back(std::move(release));
  }
  if (more) out.set("next_before", rows.back().release);
  out.set("releases", std::move(releases));
  BELAY_ASSIGN(const auto promoted,
               context.journal.flowChanges(slug, FlowChange::kPromoted, 0, most));
  BELAY_ASSIGN(const auto back,
               context.journal.flowChanges(slug, FlowChange::kRolledBack, 0, most));
  json::Array shown;
  // Each of the two begins with its newest.
  for (auto one = promoted.begin(), other = back.begin();
       shown.size() < most && (one != promoted.end() || other != back.end());) {
    const bool later =
        other == back.end() || (one != promoted.end() && one->number > other->number);
    shown.push_back(promotionToJson(later ? *one++ : *other++));
  }
  out.set("promotions", std::move(shown));
  return out;
}

Result<Value> readExport(ReadContext& context, const ReadArguments& arguments) {
  const std::string& slug = arguments.param("slug");
  const std::string* which = arguments.query("release");
  BELAY_ASSIGN(Content content, findContent(context, slug, which ? *which : "live"));
  BELAY_ASSIGN(const auto release, context.journal.release(slug, content.version.release));
  if (!release) {
    return Error{ErrorCode::kReleaseNotFound,
                 "only a release can be exported; " + content.version.source + " is none",
                 {"belay flow release " + slug}};
  }
  Value exported;
  exported.set("belay_export", kExportVersion).set("slug", slug).set("release", release->release);
  exported.set("digest", release->digest)
      .set("format", content.row.format)
      .set("note", release->note);
  exported.set("released_at", base::formatInstant(release->atMs)).set("released_by", release->by);
  exported.set("content", std::move(content.row.content));
  Value out;
  out.set("export", std::move(exported));
  return out;
}

Result<Value> searchFlows(ReadContext& context, const ReadArguments& arguments) {
  const Query query{base::toLower(arguments.text("text")), arguments.text("tag")};
  if (query.text.empty() && query.tag.empty()) {
    return Error{ErrorCode::kInvalidArgument, "a search needs \"text\" or \"tag\""};
  }
  BELAY_ASSIGN(const std::size_t most, arguments.limit(20, kFoundMost));
  BELAY_ASSIGN(const std::vector<journal::FlowHeadRow> heads, context.journal.flowHeads());
  const std::string after = arguments.text("after");
  json::Array found;
  std::size_t looked = 0;
  Value out;
  for (std::size_t i = 0; i < heads.size(); ++i) {
    if (heads[i].slug <= after) continue;
    BELAY_ASSIGN(Value one, searchOne(context, heads[i], query));
    if (!one.isNull()) found.push_back(std::move(one));
    if ((found.size() == most || ++looked == kFlowsSearched) && i + 1 < heads.size()) {
      out.set("next_after", heads[i].slug);
      break;
    }
  }
  out.set("flows", std::move(found));
  return out;
}

}  // namespace belay::api
