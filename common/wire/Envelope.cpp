#include "common/wire/Envelope.h"

#include <utility>

#include "common/json/Json.h"

namespace belay::wire {

using base::Error;
using base::ErrorCode;
using base::Result;
using json::Value;

namespace {

constexpr std::size_t kEnvelopeBytesMax = 256u << 20;

Error errorFromJson(const Value& value) {
  const std::string code = value.text("code");
  const auto known = base::errorFromText(code);
  // A newer daemon may know more codes than this command line.
  std::string message = value.text("message");
  if (!known) message = code + ": " + message;
  Error error{known.value_or(ErrorCode::kInternal), std::move(message)};
  if (const Value* actions = value.find("actions"); actions && actions->isArray()) {
    for (const Value& action : actions->asArray()) {
      if (action.isString()) error.actions.push_back(action.asString());
    }
  }
  if (const Value* place = value.find("place")) {
    error.place.file = place->text("file");
    error.place.line = static_cast<int>(place->integer("line"));
    error.place.column = static_cast<int>(place->integer("column"));
    error.place.pointer = place->text("pointer");
  }
  return error;
}

}  // namespace

Value errorToJson(const Error& error) {
  Value out;
  out.set("code", base::errorText(error.code));
  out.set("message", error.message);
  json::Array actions;
  for (const std::string& action : error.actions) actions.emplace_back(action);
  out.set("actions", std::move(actions));
  const base::SourcePlace& at = error.place;
  if (!at.file.empty() || at.line != 0 || !at.pointer.empty()) {
    Value place;
    if (!at.file.empty()) place.set("file", at.file);
    if (at.line != 0) place.set("line", at.line).set("column", at.column);
    if (!at.pointer.empty()) place.set("pointer", at.pointer);
    out.set("place", std::move(place));
  }
  return out;
}

std::string printEnvelope(const Envelope& envelope) {
  Value out;
  out.set("ok", !envelope.error);
  if (envelope.error) out.set("error", errorToJson(*envelope.error));
  if (!envelope.error || !envelope.data.isNull()) out.set("data", envelope.data);
  Value meta;
  meta.set("schema", kEnvelopeSchema);
  if (envelope.meta.isObject()) {
    for (const json::Member& member : envelope.meta.asObject())
      meta.set(member.first, member.second);
  }
  out.set("meta", std::move(meta));
  return json::print(out);
}

Result<Envelope> parseEnvelope(std::string_view text) {
  auto parsed = json::parse(text, json::ParseLimits{kEnvelopeBytesMax, 128});
  const Value* ok = parsed ? parsed->find("ok") : nullptr;
  const Value* meta = parsed ? parsed->find("meta") : nullptr;
  if (!ok || !ok->isBool() || !meta || meta->integer("schema") != kEnvelopeSchema) {
    return Error{ErrorCode::kHttpProtocol,
                 "the answer is not an envelope of schema " + std::to_string(kEnvelopeSchema),
                 {"belay doctor"}};
  }
  Envelope envelope;
  if (!ok->asBool()) {
    const Value* error = parsed->find("error");
    envelope.error = errorFromJson(error ? *error : Value());
  }
  envelope.meta = *meta;
  if (Value* data = parsed->find("data")) envelope.data = std::move(*data);
  return envelope;
}

}  // namespace belay::wire
