#include "common/statement/Offer.h"

#include <algorithm>
#include <array>

#include "common/base/Units.h"
#include "common/json/Writer.h"
#include "common/statement/Payload.h"

namespace belay::statement {

using base::Result;
using base::Status;

namespace {

constexpr std::size_t kEpochBytesMax = 128;
constexpr std::array<std::string_view, 6> kMembers{"v",     "fleet",   "host",
                                                   "epoch", "created", "flows"};
constexpr std::array<std::string_view, 5> kFlowMembers{"flow", "release", "pin", "startable",
                                                       "input"};
constexpr PayloadShape kShape{"offer", Offer::kPayloadBytesMax, 4, kMembers};

Status readFlows(const json::Array& list, Offer& offer) {
  for (const json::Value& each : list) {
    Members members(each, "a flow of the offer", kFlowMembers);
    Offer::Flow flow;
    flow.flow = members.identifier("flow");
    flow.release = members.digest("release");
    flow.pin = members.number("pin", 0);
    const json::Value& startable = members.any("startable");
    if (!startable.isBool()) members.refuse("startable", "must be true or false");
    flow.startable = startable.isBool() && startable.asBool();
    flow.input = members.digestOrNone("input");
    BELAY_TRY(members.status());
    offer.flows.push_back(std::move(flow));
  }
  return {};
}

}  // namespace

const Offer::Flow* Offer::find(std::string_view flow) const {
  const auto found =
      std::find_if(flows.begin(), flows.end(), [&](const Flow& each) { return each.flow == flow; });
  return found == flows.end() ? nullptr : &*found;
}

Result<Offer> Offer::parse(std::string_view payload) {
  BELAY_ASSIGN(const json::Value value, openPayload(payload, kShape));
  Members members(value, "the offer", kMembers);
  Offer offer;
  offer.fleet = members.digest("fleet");
  offer.host = members.thumbprint("host");
  offer.epoch = members.text("epoch", kEpochBytesMax);
  offer.createdMs = members.instant("created");
  const json::Array& flows = members.list("flows", kFlowsMax);
  BELAY_TRY(members.status());
  BELAY_TRY(readFlows(flows, offer));
  return offer;
}

std::string Offer::print() const {
  std::string out;
  json::Writer writer(out);
  writer.beginObject()
      .member("v", kPayloadVersion)
      .member("fleet", fleet.hex())
      .member("host", host)
      .member("epoch", epoch)
      .member("created", base::formatInstant(createdMs))
      .name("flows")
      .beginArray();
  for (const Flow& each : flows) {
    writer.beginObject()
        .member("flow", each.flow)
        .member("release", each.release.hex())
        .member("pin", std::to_string(each.pin))
        .member("startable", each.startable)
        .member("input", hexOrNone(each.input))
        .endObject();
  }
  writer.endArray().endObject();
  return out;
}

}  // namespace belay::statement
