#include "common/statement/Pin.h"

#include <algorithm>
#include <array>

#include "common/base/Ids.h"
#include "common/base/Units.h"
#include "common/json/Writer.h"
#include "common/statement/Payload.h"

namespace belay::statement {

using base::Result;

namespace {

constexpr std::size_t kSelectorMax = 1024;
constexpr std::array<std::string_view, 10> kMembers{
    "v", "fleet", "flow", "channel", "counter", "prev", "release", "size", "selector", "created"};
constexpr PayloadShape kShape{"pin", 128u << 10, 2, kMembers};

bool isSelector(const json::Value& value) {
  if (!value.isString()) return false;
  constexpr std::string_view kHost = "host:", kGroup = "group:";
  const std::string_view text = value.asString();
  if (text == Pin::kEveryHost) return true;
  if (text.starts_with(kHost)) {
    const std::string_view host = text.substr(kHost.size());
    // A digest in hex names no host; it is read because pins beside "*" have it.
    return isThumbprint(host) || crypto::Digest::fromHex(host).has_value();
  }
  return text.starts_with(kGroup) && base::isIdentifier(text.substr(kGroup.size()));
}

}  // namespace

Result<Pin> Pin::parse(std::string_view payload) {
  BELAY_ASSIGN(const json::Value value, openPayload(payload, kShape));
  Members members(value, "the pin", kMembers);
  Pin pin;
  pin.fleet = members.digest("fleet");
  pin.flow = members.identifier("flow");
  pin.channel = members.identifier("channel");
  pin.counter = members.number("counter", 1);
  pin.prev = members.digestOrNone("prev");
  pin.release = members.digest("release");
  pin.size = members.number("size", 1);
  pin.createdMs = members.instant("created");
  const json::Array& selector = members.list("selector", kSelectorMax);
  if (selector.empty() || !std::all_of(selector.begin(), selector.end(), isSelector)) {
    members.refuse("selector", "must be a list of *, host:… and group:…");
  }
  if ((pin.counter == 1) != (pin.prev == crypto::Digest{})) {
    members.refuse("prev", "must be empty with counter 1, and with no other");
  }
  BELAY_TRY(members.status());
  pin.selector.clear();
  for (const json::Value& each : selector) pin.selector.push_back(each.asString());
  return pin;
}

std::string Pin::print() const {
  std::string out;
  json::Writer writer(out);
  writer.beginObject()
      .member("v", kPayloadVersion)
      .member("fleet", fleet.hex())
      .member("flow", flow)
      .member("channel", channel)
      .member("counter", std::to_string(counter))
      .member("prev", hexOrNone(prev))
      .member("release", release.hex())
      .member("size", std::to_string(size))
      .name("selector")
      .beginArray();
  for (const std::string& each : selector) writer.string(each);
  writer.endArray().member("created", base::formatInstant(createdMs)).endObject();
  return out;
}

}  // namespace belay::statement
