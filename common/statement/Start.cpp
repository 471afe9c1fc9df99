#include "common/statement/Start.h"

#include <array>

#include "common/base/Units.h"
#include "common/crypto/Sha256.h"
#include "common/json/Json.h"
#include "common/json/Writer.h"
#include "common/statement/Payload.h"

namespace belay::statement {

using base::Result;

namespace {

constexpr std::size_t kEpochBytesMax = 128;
constexpr std::array<std::string_view, 10> kMembers{
    "v", "fleet", "host", "epoch", "flow", "release", "input", "key", "created", "not_after"};
constexpr PayloadShape kShape{"start", Start::kPayloadBytesMax, 32, kMembers};

}  // namespace

Result<Start> Start::parse(std::string_view payload) {
  BELAY_ASSIGN(const json::Value value, openPayload(payload, kShape));
  Members members(value, "the start", kMembers);
  Start start;
  start.fleet = members.digest("fleet");
  start.host = members.thumbprint("host");
  start.epoch = members.text("epoch", kEpochBytesMax);
  start.flow = members.identifier("flow");
  start.release = members.digestOrNone("release");
  start.input = members.object("input");
  start.key = members.text("key", kKeyBytesMax);
  start.createdMs = members.instant("created");
  start.notAfterMs = members.instant("not_after");
  if (start.key.empty()) members.refuse("key", "must not be empty");
  if (start.notAfterMs <= start.createdMs) members.refuse("not_after", "must be after created");
  BELAY_TRY(members.status());
  return start;
}

std::string Start::print() const {
  std::string out;
  json::Writer writer(out);
  writer.beginObject()
      .member("v", kPayloadVersion)
      .member("fleet", fleet.hex())
      .member("host", host)
      .member("epoch", epoch)
      .member("flow", flow)
      .member("release", hexOrNone(release))
      .name("input")
      .value(input)
      .member("key", key)
      .member("created", base::formatInstant(createdMs))
      .member("not_after", base::formatInstant(notAfterMs))
      .endObject();
  return out;
}

crypto::Digest Start::what() const {
  return crypto::sha256(flow + "\n" + hexOrNone(release) + "\n" + json::print(input));
}

}  // namespace belay::statement
