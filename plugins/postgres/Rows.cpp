#include "plugins/postgres/Rows.h"

#include <array>
#include <cmath>
#include <cstdlib>
#include <string_view>

#include "common/base/Text.h"
#include "common/json/Json.h"

namespace belay::postgres {

using json::Value;

namespace {

constexpr std::size_t kBytesMax = 512u << 10;
constexpr double kExactMax = 9007199254740992.0;

struct TypeRow {
  Oid type;
  std::string_view name;
};
// Of pg_type, where they are fixed.
constexpr std::array<TypeRow, 18> kTypes{{{16, "bool"},        {17, "bytea"},  {20, "int8"},
                                          {21, "int2"},        {23, "int4"},   {25, "text"},
                                          {114, "json"},       {700, "float4"}, {701, "float8"},
                                          {1042, "char"},      {1043, "varchar"}, {1082, "date"},
                                          {1083, "time"},      {1114, "timestamp"},
                                          {1184, "timestamptz"}, {1700, "numeric"}, {2950, "uuid"},
                                          {3802, "jsonb"}}};

std::string_view typeName(Oid type) {
  for (const TypeRow& row : kTypes) {
    if (row.type == type) return row.name;
  }
  return "other";
}

Value valueOf(std::string_view type, const std::string& text) {
  if (type == "bool") return text == "t";
  if (type == "int2" || type == "int4" || type == "int8" || type.starts_with("float")) {
    const double number = std::strtod(text.c_str(), nullptr);
    if (std::isfinite(number) && std::abs(number) < kExactMax) return number;
  }
  if (type.starts_with("json")) {
    if (auto parsed = json::parse(text)) return std::move(*parsed);
  }
  return base::isUtf8(text) ? Value(text) : Value(base::visible(text));
}

}  // namespace

void Rows::describe(const PGresult* answer) {
  if (!columns_.asArray().empty()) return;
  for (int i = 0; i < PQnfields(answer); ++i) {
    Value column;
    column.set("name", PQfname(answer, i)).set("type", typeName(PQftype(answer, i)));
    columns_.push(std::move(column));
  }
}

bool Rows::add(const PGresult* answer, std::size_t rowsMax) {
  describe(answer);
  if (truncated_) return false;
  std::size_t bytes = 2;
  for (int i = 0; i < PQnfields(answer); ++i)
    bytes += static_cast<std::size_t>(PQgetlength(answer, 0, i)) + std::string_view(PQfname(answer, i)).size() + 8;
  if (rows_.asArray().size() >= rowsMax || bytes_ + bytes > kBytesMax) {
    truncated_ = true;
    return false;
  }
  bytes_ += bytes;
  Value row{json::Object{}};
  for (int i = 0; i < PQnfields(answer); ++i) {
    const bool null = PQgetisnull(answer, 0, i) != 0;
    const std::string text(PQgetvalue(answer, 0, i),
                           static_cast<std::size_t>(PQgetlength(answer, 0, i)));
    row.set(PQfname(answer, i), null ? Value() : valueOf(typeName(PQftype(answer, i)), text));
  }
  rows_.push(std::move(row));
  return true;
}

void Rows::finish(const PGresult* answer) {
  describe(answer);
  command_ = PQcmdStatus(const_cast<PGresult*>(answer));
  const auto changed = base::parseUnsigned(PQcmdTuples(const_cast<PGresult*>(answer)));
  if (changed) changed_ = static_cast<std::int64_t>(*changed);
}

Value Rows::output() const {
  Value out;
  const auto given = static_cast<std::int64_t>(rows_.asArray().size());
  out.set("rows", rows_).set("columns", columns_);
  out.set("row_count", columns_.asArray().empty() && changed_ >= 0 ? changed_ : given);
  out.set("command", command_).set("truncated", truncated_);
  return out;
}

}  // namespace belay::postgres
