#include <memory>
#include <utility>

#include "agent/api/Checking.h"
#include "agent/api/Routes.h"
#include "agent/runtime/Pins.h"
#include "common/base/Text.h"

namespace belay::api {

using base::Error;
using base::ErrorCode;
using base::Result;
using json::Value;

namespace {

constexpr std::size_t kNoteBytesMost = 4096;

Result<std::string> readNote(const Value& body) {
  BELAY_ASSIGN(std::string note, textMember(body, "note"));
  if (note.size() <= kNoteBytesMost) return note;
  return Error{ErrorCode::kInvalidArgument, "a note has at most 4096 bytes"};
}

Changed promotedFlow(const std::string& slug, const runtime::Promoted& promoted) {
  Changed changed;
  changed.data.set("flow", slug)
      .set("live", promoted.live.release)
      .set("digest", promoted.live.digest);
  if (promoted.before != 0) changed.data.set("before", promoted.before);
  changed.data.set("existing", promoted.existing);
  return changed;
}

/// A body with `release`, for a change that takes one.
using MakeLive = Result<runtime::Promoted> (*)(journal::Journal&, std::string_view slug,
                                               std::string_view which, const runtime::Author&,
                                               std::int64_t nowMs);
void makeLive(Backend& backend, const ExchangePtr& exchange, MakeLive make) {
  const auto which = [&]() -> Result<std::string> {
    BELAY_ASSIGN(const Value body, exchange->bodyObject());
    BELAY_TRY(checkMembers(body, "release"));
    return releaseMember(body);
  }();
  if (!which) return exchange->fail(which.error());
  backend.change(
      exchange,
      [&backend, exchange, make, which = *which](runtime::Runtime& runtime) -> Result<Changed> {
        const std::string& slug = exchange->param("slug");
        BELAY_TRY(runtime::refuseWithoutPin(runtime.policy(), slug));
        const runtime::Author author{exchange->caller().shown(), ""};
        BELAY_ASSIGN(const runtime::Promoted promoted,
                     make(runtime.journal(), slug, which, author, runtime.clock().wallMs()));
        if (!promoted.existing) runtime.promoted(slug);
        backend.deps.log.info("flow.live", {{"flow", slug},
                                            {"release", std::to_string(promoted.live.release)},
                                            {"digest", promoted.live.digest},
                                            {"by", author.by}});
        return promotedFlow(slug, promoted);
      });
}

/// Makes the release live that has just come, if a pin waits for it; `live` says so.
base::Status settlePin(runtime::Runtime& runtime, const std::string& slug, Value& data) {
  BELAY_ASSIGN(const auto live, runtime::settlePin(runtime.journal(), runtime.policy(), slug,
                                                   runtime.clock().wallMs()));
  if (!live) return {};
  if (!live->existing) runtime.promoted(slug);
  data.set("live", live->live.release);
  return {};
}

/// An exported flow, checked as far as it can be without parsing the flow.
struct Import {
  FlowText content;
  std::string slug;
  std::string digest;
  std::string note;
  bool asDraft = false;
  runtime::DraftRule rule;
  runtime::Author author;
};

Result<Import> readImport(const Exchange& exchange) {
  BELAY_ASSIGN(const Value body, exchange.bodyObject());
  BELAY_TRY(checkMembers(body, "export draft origin if_draft force"));
  const Value* exported = body.find("export");
  if (!exported || !exported->isObject()) {
    return Error{ErrorCode::kInvalidArgument,
                 "the body lacks \"export\", the object that an export gave"};
  }
  BELAY_TRY(checkMembers(
      *exported, "belay_export slug release digest format note released_at released_by content"));
  if (exported->integer("belay_export") != kExportVersion) {
    return Error{ErrorCode::kUnsupported,
                 "this is no exported flow of version " + std::to_string(kExportVersion)};
  }
  Import out;
  BELAY_ASSIGN(out.slug, textMember(*exported, "slug", true));
  BELAY_ASSIGN(out.digest, textMember(*exported, "digest", true));
  BELAY_ASSIGN(out.content.text, textMember(*exported, "content", true));
  BELAY_ASSIGN(const std::string format, textMember(*exported, "format", true));
  const auto known = flow::formatNamed(format);
  if (!known) {
    return Error{ErrorCode::kInvalidArgument, "\"format\" must be yaml, json, js or bundle"};
  }
  out.content.file = out.slug + ".flow." + format;
  out.content.format = *known;
  BELAY_ASSIGN(out.note, readNote(*exported));
  BELAY_ASSIGN(out.asDraft, flagMember(body, "draft"));
  BELAY_ASSIGN(out.rule, readDraftRule(body));
  BELAY_ASSIGN(out.author, readAuthor(exchange, body));
  return out;
}

Result<Changed> takeIn(runtime::Runtime& runtime, const flow::Flow& flow, const Import& import) {
  Changed changed;
  changed.data.set("flow", flow.slug.str()).set("digest", flow.digest);
  if (import.asDraft) {
    BELAY_ASSIGN(const runtime::DraftPut put,
                 storeFlow(runtime, flow, import.content, import.rule, import.author));
    addReplaced(changed.data, put);
    return changed;
  }
  BELAY_ASSIGN(const runtime::Imported done,
               runtime::importRelease(runtime.journal(), flowRow(runtime, flow, import.content),
                                      import.note, import.author));
  changed.data.set("release", releaseToJson(done.release)).set("existing", done.existing);
  BELAY_TRY(settlePin(runtime, flow.slug.str(), changed.data));
  return changed;
}

}  // namespace

void releaseFlow(Backend& backend, const ExchangePtr& exchange) {
  struct Releasing {
    std::string note;
    runtime::DraftRule rule;
  };
  const auto releasing = [&]() -> Result<Releasing> {
    BELAY_ASSIGN(const Value body, exchange->bodyObject());
    BELAY_TRY(checkMembers(body, "note if_draft force"));
    Releasing out;
    BELAY_ASSIGN(out.note, readNote(body));
    BELAY_ASSIGN(out.rule, readDraftRule(body));
    return out;
  }();
  if (!releasing) return exchange->fail(releasing.error());
  backend.change(exchange,
                 [exchange, what = *releasing](runtime::Runtime& runtime) -> Result<Changed> {
                   const std::string& slug = exchange->param("slug");
                   const runtime::Author author{exchange->caller().shown(), ""};
                   BELAY_ASSIGN(const journal::FlowChangeRow row,
                                runtime::makeRelease(runtime.journal(), slug, what.note, what.rule,
                                                     author, runtime.clock().wallMs()));
                   Changed changed;
                   changed.data.set("flow", slug).set("release", releaseToJson(row));
                   BELAY_TRY(settlePin(runtime, slug, changed.data));
                   return changed;
                 });
}

void promoteFlow(Backend& backend, const ExchangePtr& exchange) {
  makeLive(backend, exchange, &runtime::promote);
}

void rollBackFlow(Backend& backend, const ExchangePtr& exchange) {
  makeLive(backend, exchange, &runtime::rollBack);
}

void archiveFlow(Backend& backend, const ExchangePtr& exchange) {
  const auto undo = [&]() -> Result<bool> {
    BELAY_ASSIGN(const Value body, exchange->bodyObject());
    BELAY_TRY(checkMembers(body, "undo"));
    return flagMember(body, "undo");
  }();
  if (!undo) return exchange->fail(undo.error());
  backend.change(exchange, [exchange, undo = *undo](runtime::Runtime& runtime) -> Result<Changed> {
    const std::string& slug = exchange->param("slug");
    const runtime::Author author{exchange->caller().shown(), ""};
    BELAY_ASSIGN(const bool changedIt,
                 runtime::archive(runtime.journal(), slug, undo, author, runtime.clock().wallMs()));
    Changed changed;
    changed.data.set("flow", slug).set("archived", !undo).set("existing", !changedIt);
    return changed;
  });
}

void importFlow(Backend& backend, const ExchangePtr& exchange) {
  auto import = readImport(*exchange);
  if (!import) return exchange->fail(import.error());
  backend.work(exchange, [&backend, exchange, import = std::move(*import)](Workers::Tools& tools) {
    auto checked = checkFlowText(import.content, tools.syntax);
    if (!checked.flow) return exchange->fail(firstError(checked), diagnosticsToJson(checked));
    auto flow = std::make_shared<flow::Flow>(std::move(*checked.flow));
    if (flow->digest != import.digest || flow->slug.str() != import.slug) {
      return exchange->fail(Error{ErrorCode::kFlowDigest,
                                  "the export says " + base::visible(import.slug) + ", " +
                                      base::visible(import.digest) + "; its content is " +
                                      flow->slug.str() + ", " + flow->digest,
                                  {"belay flow export SLUG N FILE"}});
    }
    backend.change(exchange, [flow, import](runtime::Runtime& runtime) {
      return takeIn(runtime, *flow, import);
    });
  });
}

}  // namespace belay::api
