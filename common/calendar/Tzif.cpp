#include "common/calendar/Tzif.h"

#include <algorithm>

namespace belay::calendar {

namespace {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

constexpr std::size_t kHeaderBytes = 44;
constexpr std::size_t kTypeBytes = 6;

Error bad(const std::string& what) { return Error{ErrorCode::kTimeZone, what}; }

std::int64_t bigEndian(std::string_view bytes, std::size_t at, std::size_t size) {
  std::uint64_t value = (static_cast<unsigned char>(bytes[at]) & 0x80u) != 0 ? ~0ULL : 0;
  for (std::size_t i = 0; i < size; ++i)
    value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return static_cast<std::int64_t>(value);
}

/// The counts of a header, in the order of the file.
struct Counts {
  std::uint64_t utFlags, standardFlags, leaps, times, types, characters;

  std::uint64_t bytes(std::size_t timeBytes) const {
    return times * timeBytes + times + types * kTypeBytes + characters + leaps * (timeBytes + 4) +
           standardFlags + utFlags;
  }
};

Result<Counts> readHeader(std::string_view bytes, std::size_t timeBytes) {
  if (bytes.size() < kHeaderBytes || bytes.substr(0, 4) != "TZif")
    return bad("it is not a TZif file");
  const auto count = [&](std::size_t index) {
    return static_cast<std::uint64_t>(bigEndian(bytes, 20 + 4 * index, 4)) & 0xffff'ffffu;
  };
  const Counts counts{count(0), count(1), count(2), count(3), count(4), count(5)};
  if (counts.types == 0 || counts.types > 256 || counts.characters == 0) {
    return bad("its counts are out of range");
  }
  if (counts.bytes(timeBytes) > bytes.size() - kHeaderBytes) return bad("it is cut short");
  return counts;
}

Result<std::string> abbreviationAt(std::string_view characters, std::size_t at) {
  if (at >= characters.size()) return bad("the name of an offset is out of range");
  const std::size_t end = characters.find('\0', at);
  if (end == std::string_view::npos) return bad("the name of an offset has no end");
  return std::string(characters.substr(at, end - at));
}

Status readOffsets(std::string_view types, std::string_view characters, TzifTable& table) {
  for (std::size_t at = 0; at < types.size(); at += kTypeBytes) {
    ZoneOffset offset;
    offset.fromUtc = std::chrono::seconds{bigEndian(types, at, 4)};
    if (offset.fromUtc > kOffsetMax || offset.fromUtc < -kOffsetMax) {
      return bad("an offset is larger than 26 hours");
    }
    offset.dst = types[at + 4] != 0;
    BELAY_ASSIGN(offset.abbreviation,
                 abbreviationAt(characters, static_cast<unsigned char>(types[at + 5])));
    table.offsets.push_back(std::move(offset));
  }
  return {};
}

Status readChanges(std::string_view times, std::string_view indices, std::size_t timeBytes,
                   TzifTable& table) {
  for (std::size_t i = 0; i < indices.size(); ++i) {
    const Instant at{std::chrono::seconds{bigEndian(times, i * timeBytes, timeBytes)}};
    const auto type = static_cast<std::uint8_t>(indices[i]);
    if (type >= table.offsets.size()) return bad("the index of an offset is out of range");
    if (!table.changes.empty() && at <= table.changes.back())
      return bad("its times are not in order");
    if (at < kBeginning || at > kEnd) return bad("a time is out of range");
    table.changes.push_back(at);
    table.types.push_back(type);
  }
  return {};
}

/// One data block; `bytes` begins with its header.
Result<TzifTable> readBlock(std::string_view bytes, const Counts& counts, std::size_t timeBytes) {
  if (counts.leaps != 0) return bad("it counts leap seconds; take the zone without right/");
  std::size_t at = kHeaderBytes;
  const auto part = [&](std::uint64_t size) {
    const std::string_view found = bytes.substr(at, size);
    at += size;
    return found;
  };
  const std::string_view times = part(counts.times * timeBytes);
  const std::string_view indices = part(counts.times);
  const std::string_view types = part(counts.types * kTypeBytes);
  const std::string_view characters = part(counts.characters);
  TzifTable table;
  BELAY_TRY(readOffsets(types, characters, table));
  BELAY_TRY(readChanges(times, indices, timeBytes, table));
  return table;
}

}  // namespace

Result<TzifTable> parseTzif(std::string_view bytes) {
  if (bytes.size() > kTzifBytesMax) return bad("it is larger than 256 KiB");
  BELAY_ASSIGN(const Counts first, readHeader(bytes, 4));
  const char version = bytes[4];
  if (version == '\0') return readBlock(bytes, first, 4);
  if (version < '2' || version > '9') return bad("its version is not known");
  // The first block is for readers of version 1; the second says the same in 64 bits, and more.
  bytes.remove_prefix(kHeaderBytes + first.bytes(4));
  BELAY_ASSIGN(const Counts second, readHeader(bytes, 8));
  BELAY_ASSIGN(TzifTable table, readBlock(bytes, second, 8));
  const std::string_view footer = bytes.substr(kHeaderBytes + second.bytes(8));
  const std::size_t end = footer.find('\n', 1);
  if (footer.empty() || footer.front() != '\n' || end == std::string_view::npos) {
    return bad("its last line is missing");
  }
  table.rule = footer.substr(1, end - 1);
  return table;
}

}  // namespace belay::calendar
