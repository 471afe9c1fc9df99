#include "agent/cli/Commands.h"
#include "agent/cli/Inputs.h"
#include "agent/cli/RunPages.h"
#include "common/base/Text.h"
#include "common/json/Json.h"

// kv get, list, set, delete, increment and append.

namespace belay::cli {

using base::Error;
using base::ErrorCode;
using base::Result;
using json::Value;

namespace {

constexpr Flag kSpace{"space", 0, "NAME", "the space that the key is in (default)"};
constexpr Flag kReadFlags[] = {kSpace};
constexpr Flag kListFlags[] = {kSpace,
                               {"prefix", 0, "TEXT", "only keys that begin so"},
                               {"limit", 'n', "N", "at most so many (100)"}};
constexpr Flag kSetFlags[] = {kSpace,
                              {"value-json", 0, "", "VALUE is JSON; without it, text"},
                              {"ttl", 0, "DURATION", "the key goes after this time"},
                              {"if-not-exists", 0, "", "leave a key alone that is there"}};
constexpr Flag kIncrementFlags[] = {
    kSpace, {"by", 0, "N", "how much (1)"}, {"ttl", 0, "DURATION", "the key goes after this time"}};
constexpr Flag kAppendFlags[] = {kSpace, {"value-json", 0, "", "VALUE is JSON; without it, text"}};

std::string spaceOf(const Invocation& invocation) {
  return invocation.has("space") ? invocation.flag("space") : "default";
}

Result<Value> valueOf(const Invocation& invocation, const std::string& text) {
  if (!invocation.has("value-json")) return Value(text);
  auto value = json::parse(text);
  if (!value) return std::move(value).error().in("VALUE");
  return std::move(*value);
}

Result<api::Envelope> change(Invocation& invocation, std::string_view operation, Value body) {
  body.set("operation", operation).set("key", invocation.argument(0));
  if (invocation.has("ttl")) body.set("ttl", invocation.flag("ttl"));
  return invocation.post(pathOf("/v1/kv", spaceOf(invocation)), body);
}

Result<api::Envelope> get(Invocation& invocation) {
  Target target(pathOf("/v1/kv", spaceOf(invocation), "/value"));
  return invocation.get(target.add("key", invocation.argument(0)).str());
}

Result<api::Envelope> list(Invocation& invocation) {
  Target target(pathOf("/v1/kv", spaceOf(invocation)));
  for (const char* name : {"prefix", "limit"}) {
    if (invocation.has(name)) target.add(name, invocation.flag(name));
  }
  return invocation.get(target.str());
}

Result<api::Envelope> set(Invocation& invocation) {
  Value body;
  BELAY_ASSIGN(Value value, valueOf(invocation, invocation.argument(1)));
  body.set("value", std::move(value));
  if (invocation.has("if-not-exists")) body.set("if_not_exists", true);
  return change(invocation, "set", std::move(body));
}

Result<api::Envelope> remove(Invocation& invocation) { return change(invocation, "delete", {}); }

Result<api::Envelope> increment(Invocation& invocation) {
  Value body;
  if (invocation.has("by")) {
    const auto by = json::parse(invocation.flag("by"));
    if (!by || !by->isInteger()) return Error{ErrorCode::kUsage, "--by takes a whole number"};
    body.set("by", *by);
  }
  return change(invocation, "increment", std::move(body));
}

Result<api::Envelope> append(Invocation& invocation) {
  Value body;
  BELAY_ASSIGN(Value value, valueOf(invocation, invocation.argument(1)));
  body.set("value", std::move(value));
  return change(invocation, "append", std::move(body));
}

/// A text as it is, so that a script can use it; anything else as JSON.
std::string plain(const Invocation& invocation, const Value& value) {
  if (!value.isString()) return json::print(value) + "\n";
  const bool terminal = invocation.style().columns() != 0;
  return (terminal ? base::visible(value.asString(), true) : value.asString()) + "\n";
}

std::string printEntry(const Invocation& invocation, const Value& data) {
  const Value* entry = data.find("entry");
  const Value* value = entry ? entry->find("value") : nullptr;
  return value ? plain(invocation, *value) : "";
}

std::string printValue(const Invocation& invocation, const Value& data) {
  const Value* value = data.find("value");
  return value ? plain(invocation, *value) : "";
}

std::string printSet(const Invocation& invocation, const Value& data) {
  if (invocation.has("if-not-exists") && data.flag("exists"))
    invocation.note("the key was there and stays as it is");
  return "";
}

std::string printRemoved(const Invocation& invocation, const Value& data) {
  if (!data.flag("exists")) invocation.note("the key was not there");
  return "";
}

std::string printList(const Invocation& invocation, const Value& data) {
  std::string keys;
  Table table({"KEY", "VALUE", "EXPIRES", "UPDATED"});
  for (const Value& entry : data.find("entries")->asArray()) {
    keys += shown(entry.text("key")) + "\n";
    table.row({entry.text("key"), brief(*entry.find("value"), 60),
               entry.text("expires_at").empty()
                   ? "never"
                   : relative(entry.text("expires_at"), invocation.nowMs()),
               relative(entry.text("updated_at"), invocation.nowMs())});
  }
  if (table.empty()) {
    invocation.note("no keys in the space " + shown(data.text("space")));
    return "";
  }
  return invocation.quiet() ? keys : table.print(invocation.style());
}

}  // namespace

const Command kKvGetCommand{"kv get",
                            "KEY",
                            "print the value of a key",
                            "Reads the journal itself when no daemon runs.",
                            kReadFlags,
                            &get,
                            &printEntry};
const Command kKvSetCommand{"kv set", "KEY VALUE", "put a value under a key", "", kSetFlags,
                            &set,     &printSet};
const Command kKvDeleteCommand{"kv delete", "KEY",   "remove a key", "",
                               kReadFlags,  &remove, &printRemoved};
const Command kKvIncrementCommand{
    "kv increment", "KEY",      "add to the number under a key", "", kIncrementFlags,
    &increment,     &printValue};
const Command kKvAppendCommand{
    "kv append", "KEY VALUE", "put a value at the end of the list under a key", "", kAppendFlags,
    &append,     &printValue};
const Command kKvListCommand{"kv list",
                             "",
                             "list keys and values",
                             "Reads the journal itself when no daemon runs.",
                             kListFlags,
                             &list,
                             &printList};

}  // namespace belay::cli
