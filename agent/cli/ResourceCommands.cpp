#include "agent/cli/Commands.h"
#include "agent/cli/Invocation.h"
#include "agent/cli/Resources.h"
#include "common/base/Text.h"
#include "common/base/Units.h"

// resource search, url and delete.

namespace belay::cli {

using base::Result;
using json::Value;

namespace {

constexpr Flag kSearchFlags[] = {
    {"in", 0, "TARGETS", "resources, flows, runs; several with commas (resources)"},
    {"flow", 0, "SLUG", "only of this flow"},
    {"limit", 'n', "N", "at most so many of each (20)"},
};
constexpr Flag kUrlFlags[] = {{"expires", 0, "DURATION", "how long it counts (1h), at most 7d"}};

Result<api::Envelope> searchAll(Invocation& invocation) {
  Target target("/v1/search");
  target.add("query", invocation.argument(0));
  if (invocation.has("in")) target.add("targets", invocation.flag("in"));
  for (const char* name : {"flow", "limit"}) {
    if (invocation.has(name)) target.add(name, invocation.flag(name));
  }
  return invocation.get(target.str());
}

std::string showHits(const Invocation& invocation, const Value& data) {
  Table table({"WHAT", "NAME", "FLOW", "RUN", "REF"});
  for (const Value& hit : data.find("hits")->asArray()) {
    table.row({hit.text("target"), hit.text("name", hit.text("status")), hit.text("flow"),
               hit.text("run"), hit.text("ref")});
  }
  if (!table.empty()) return table.print(Style(invocation.style().color(), 0));
  invocation.note("nothing found; only resources with persist: {index: true} are in the index");
  return "";
}

Result<api::Envelope> makeUrl(Invocation& invocation) {
  BELAY_ASSIGN(const std::string digest, digestOf(invocation.argument(0)));
  Value body{json::Object{}};
  if (invocation.has("expires")) body.set("expires", invocation.flag("expires"));
  return invocation.post(pathOf("/v1/resources", digest, "/url"), body);
}

std::string showUrl(const Invocation& invocation, const Value& data) {
  invocation.note("until " + data.text("expires_at") + ", on this host: curl --unix-socket " +
                  data.text("socket") + " URL, or belay resource cat URL");
  return data.text("url") + "\n";
}

Result<api::Envelope> remove(Invocation& invocation) {
  BELAY_ASSIGN(const std::string digest, digestOf(invocation.argument(0)));
  ApiRequest request;
  request.method = "DELETE";
  request.target = pathOf("/v1/resources", digest);
  return invocation.send(request);
}

std::string showRemoved(const Invocation& invocation, const Value& data) {
  return invocation.style().bold("deleted") + " " + data.text("ref") + "\n";
}

}  // namespace

const Command kResourceSearchCommand{
    "resource search",
    "QUERY",
    "find artifacts by their words",
    "All words must be there; \"two words\" together, word* by its beginning, -word not, a OR b. "
    "Artifacts are in the index where their step says persist: {index: true}. Works without a "
    "daemon.",
    kSearchFlags,
    &searchAll,
    &showHits};

const Command kResourceUrlCommand{
    "resource url",
    "REF",
    "make a URL that opens an artifact for a time",
    "Whoever has it and reaches the daemon's socket reads this one content, and nothing else, "
    "without being an operator or reader. It goes over no network: the daemon listens on none.",
    kUrlFlags,
    &makeUrl,
    &showUrl};

const Command kResourceDeleteCommand{
    "resource delete",
    "REF",
    "delete an artifact",
    "Refused while a run that has not ended has it. Its room is free when the daemon has swept, "
    "within hours.",
    {},
    &remove,
    &showRemoved};

}  // namespace belay::cli
