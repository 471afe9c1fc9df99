#include "agent/link/Releases.h"

#include <algorithm>
#include <utility>

#include "agent/link/PinWaits.h"
#include "agent/runtime/FlowLifecycle.h"
#include "agent/runtime/Pins.h"
#include "common/base/Text.h"
#include "common/crypto/Sha256.h"
#include "common/wire/Body.h"

namespace belay::link {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using json::Value;

namespace {

constexpr const char* kBy = "relay";
constexpr std::string_view kBundleMark = "{\"belay_bundle\"";

/// A content has no name to tell its format by.
std::vector<flow::Format> formatsOf(std::string_view content) {
  if (content.starts_with(kBundleMark)) return {flow::Format::kBundle};
  const std::size_t first = content.find_first_not_of(" \t\r\n");
  if (first != std::string_view::npos && content[first] == '{') return {flow::Format::kJson};
  return {flow::Format::kYaml, flow::Format::kCode};
}

Error firstError(const flow::Checked& checked) {
  for (const flow::Diagnostic& each : checked.diagnostics) {
    if (each.severity == flow::Severity::kError) return Error{each.code, each.message};
  }
  return Error{ErrorCode::kLinkMessage, "a release of the relay is no flow"};
}

}  // namespace

Result<CheckedRelease> checkRelease(const Value& body, const flow::SyntaxCheck& syntax) {
  BELAY_TRY(wire::checkMembers(body, "digest content"));
  CheckedRelease out;
  out.content = body.text("content");
  if (crypto::sha256(out.content).hex() != body.text("digest")) {
    return Error{ErrorCode::kFlowDigest,
                 "a release of the relay does not have the digest that it claims"};
  }
  Error wrong{ErrorCode::kLinkMessage, "a release of the relay is no flow"};
  for (const flow::Format format : formatsOf(out.content)) {
    auto checked = flow::checkFlow(out.content, "release", format, syntax);
    if (checked.flow) {
      out.flow = std::move(*checked.flow);
      out.format = format;
      return out;
    }
    wrong = firstError(checked);
  }
  return wrong;
}

Status takePin(runtime::Runtime& runtime, const Value& body, log::Log& log) {
  BELAY_TRY(wire::checkMembers(body, "statement"));
  BELAY_ASSIGN(const std::string lines, wire::textMember(body, "statement", true));
  BELAY_ASSIGN(const auto statement, statement::SignedStatement::parse(lines));
  const auto taken =
      runtime::takePin(runtime.journal(), runtime.policy(), runtime.hostKey(), statement,
                       runtime::Author{kBy, ""}, runtime.clock().wallMs());
  if (!taken) {
    // More than an error of whoever handed it in.
    if (taken.error().code == ErrorCode::kStatementFork) {
      log.error("trust.fork", taken.error(), {{"by", kBy}});
    }
    if (mayBeBelievedLater(taken.error().code)) {
      BELAY_TRY(keepPin(runtime.journal(), statement));
    }
    return taken.error();
  }
  const statement::Pin& pin = taken->pin.pin.document;
  log.info("pin.accepted", {{"flow", pin.flow},
                            {"counter", pin.counter},
                            {"release", pin.releaseName()},
                            {"live", taken->live ? "yes" : "waits"},
                            {"by", kBy}});
  return {};
}

Status takeRelease(runtime::Runtime& runtime, const CheckedRelease& release, log::Log& log) {
  const Status taken =
      takeRelease(runtime,
                  KeptRelease{release.flow.slug.str(), release.flow.digest,
                              std::string(flow::formatName(release.format)), release.content},
                  log);
  if (!taken && taken.error().code == ErrorCode::kReleaseUnpinned) {
    BELAY_TRY(keepRelease(runtime.journal(), release));
  }
  return taken;
}

Status takeRelease(runtime::Runtime& runtime, const KeptRelease& release, log::Log& log) {
  journal::Journal& journal = runtime.journal();
  const std::string& slug = release.slug;
  BELAY_ASSIGN(const auto there, journal.releaseOf(slug, release.digest));
  if (there) return {};
  BELAY_ASSIGN(const runtime::PinChain chain,
               runtime::pinChain(journal, slug, runtime.policy().pinDemand(slug).channel));
  if (!chain.waiting || chain.waiting->pin.document.releaseName() != release.digest) {
    return Error{ErrorCode::kReleaseUnpinned,
                 "no pin waits for release " + release.digest + " of flow " + slug};
  }
  const runtime::Author author{kBy, ""};
  const std::int64_t nowMs = runtime.clock().wallMs();
  const journal::FlowRow row{release.digest, slug, release.format, release.content, nowMs};
  BELAY_ASSIGN(const runtime::Imported imported,
               runtime::importRelease(journal, row, "over the link", author));
  BELAY_ASSIGN(const auto live, runtime::settlePin(journal, runtime.policy(), slug, nowMs));
  log.info("release.taken", {{"flow", slug},
                             {"release", imported.release.release},
                             {"live", live ? "yes" : "no"},
                             {"by", kBy}});
  return {};
}

}  // namespace belay::link
