#include "common/json/Value.h"

#include <algorithm>
#include <cmath>

#include "common/base/Check.h"
#include "common/base/Text.h"

namespace belay::json {

bool Value::isInteger() const {
  if (!isNumber()) return false;
  const double number = std::get<double>(data_);
  return std::trunc(number) == number && std::fabs(number) <= 9007199254740992.0;
}

bool Value::asBool() const {
  BELAY_CHECK(isBool());
  return std::get<bool>(data_);
}

double Value::asNumber() const {
  BELAY_CHECK(isNumber());
  return std::get<double>(data_);
}

std::int64_t Value::asInteger() const {
  BELAY_CHECK(isInteger());
  return static_cast<std::int64_t>(std::get<double>(data_));
}

const std::string& Value::asString() const {
  BELAY_CHECK(isString());
  return std::get<std::string>(data_);
}

const Array& Value::asArray() const {
  BELAY_CHECK(isArray());
  return std::get<Array>(data_);
}

Array& Value::asArray() {
  BELAY_CHECK(isArray());
  return std::get<Array>(data_);
}

const Object& Value::asObject() const {
  BELAY_CHECK(isObject());
  return std::get<Object>(data_);
}

Object& Value::asObject() {
  BELAY_CHECK(isObject());
  return std::get<Object>(data_);
}

const Value* Value::find(std::string_view name) const {
  if (!isObject()) return nullptr;
  for (const Member& member : std::get<Object>(data_)) {
    if (member.first == name) return &member.second;
  }
  return nullptr;
}

Value* Value::find(std::string_view name) {
  return const_cast<Value*>(std::as_const(*this).find(name));
}

Value& Value::set(std::string_view name, Value value) {
  if (isNull()) data_ = Object{};
  if (Value* old = find(name)) {
    *old = std::move(value);
  } else {
    asObject().emplace_back(std::string(name), std::move(value));
  }
  return *this;
}

void Value::erase(std::string_view name) {
  if (!isObject()) return;
  std::erase_if(asObject(), [&](const Member& member) { return member.first == name; });
}

void Value::push(Value value) {
  if (isNull()) data_ = Array{};
  asArray().push_back(std::move(value));
}

std::string Value::text(std::string_view name, std::string_view fallback) const {
  const Value* value = find(name);
  return value && value->isString() ? value->asString() : std::string(fallback);
}

std::int64_t Value::integer(std::string_view name, std::int64_t fallback) const {
  const Value* value = find(name);
  return value && value->isInteger() ? value->asInteger() : fallback;
}

bool Value::flag(std::string_view name, bool fallback) const {
  const Value* value = find(name);
  return value && value->isBool() ? value->asBool() : fallback;
}

const Value* Value::at(std::string_view pointer) const {
  if (pointer.empty()) return this;
  if (pointer.front() != '/') return nullptr;
  const Value* here = this;
  for (const std::string_view token : base::split(pointer.substr(1), '/')) {
    std::string name;
    for (std::size_t i = 0; i < token.size(); ++i) {
      if (token[i] == '~' && i + 1 < token.size())
        name += token[++i] == '1' ? '/' : '~';
      else
        name += token[i];
    }
    if (here->isArray()) {
      const auto index = base::parseUnsigned(name);
      if (!index || *index >= here->asArray().size()) return nullptr;
      here = &here->asArray()[*index];
    } else {
      here = here->find(name);
    }
    if (!here) return nullptr;
  }
  return here;
}

bool Value::operator==(const Value& other) const {
  if (!isObject() || !other.isObject()) return data_ == other.data_;
  const Object& mine = asObject();
  if (mine.size() != other.asObject().size()) return false;
  return std::all_of(mine.begin(), mine.end(), [&](const Member& member) {
    const Value* theirs = other.find(member.first);
    return theirs && *theirs == member.second;
  });
}

std::string_view kindName(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::kNull:
      return "null";
    case Value::Kind::kBoolean:
      return "boolean";
    case Value::Kind::kNumber:
      return value.isInteger() ? "integer" : "number";
    case Value::Kind::kString:
      return "string";
    case Value::Kind::kArray:
      return "array";
    case Value::Kind::kObject:
      return "object";
  }
  return "null";
}

std::string pointerToken(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c == '~')
      out += "~0";
    else if (c == '/')
      out += "~1";
    else
      out += c;
  }
  return out;
}

}  // namespace belay::json
