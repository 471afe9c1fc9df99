#include "agent/journal/Chain.h"

#include <algorithm>
#include <cstring>

#include "common/crypto/Sha256.h"

namespace belay::journal {

namespace {

constexpr std::string_view kRunLabel{"belay/run-chain/v1\0", 19};
constexpr std::string_view kHostLabel{"belay/host-chain/v1\0", 20};
constexpr std::string_view kLedgerLabel{"belay/flow-ledger/v1\0", 21};
constexpr std::string_view kStatementLabel{"belay/statements/v1\0", 20};
constexpr std::string_view kScrubLabel{"belay/scrubs/v1\0", 16};

/// Fixed-size fields of one row, put together on the stack: one call of the hash instead of five.
class Fields {
 public:
  void hash(const Hash& hash) { append(hash.data(), hash.size()); }
  void u64(std::uint64_t value) {
    for (int shift = 56; shift >= 0; shift -= 8) {
      bytes_[size_++] = static_cast<char>(value >> shift);
    }
  }
  void text(std::string_view text) {
    u64(text.size());
    append(text.data(), text.size());
  }
  std::string_view bytes() const { return {bytes_.data(), size_}; }
  bool fits(std::size_t more) const { return size_ + more <= bytes_.size(); }

 private:
  void append(const void* from, std::size_t count) {
    std::memcpy(bytes_.data() + size_, from, count);
    size_ += count;
  }

  std::array<char, 256> bytes_;
  std::size_t size_ = 0;
};

}  // namespace

bool copyHash(std::span<const std::uint8_t> from, Hash& to) {
  if (from.size() != to.size()) return false;
  std::copy(from.begin(), from.end(), to.begin());
  return true;
}

Hash runChainStart(std::string_view runId) {
  crypto::Sha256 hash;
  hash.update(kRunLabel);
  hash.update(runId);
  return hash.finish().bytes;
}

Hash runChainNext(const Hash& previous, std::uint64_t seq, std::int64_t atMs, std::string_view name,
                  std::string_view body) {
  Fields fields;
  fields.hash(previous);
  fields.u64(seq);
  fields.u64(static_cast<std::uint64_t>(atMs));
  crypto::Sha256 hash;
  if (fields.fits(name.size() + 16)) {
    fields.text(name);
    fields.u64(body.size());
    hash.update(fields.bytes());
  } else {
    fields.u64(name.size());
    hash.update(fields.bytes());
    hash.update(name);
    Fields rest;
    rest.u64(body.size());
    hash.update(rest.bytes());
  }
  hash.update(body);
  return hash.finish().bytes;
}

Hash hostChainStart() { return crypto::sha256(kHostLabel).bytes; }

Hash hostChainNext(const Hash& previous, std::uint64_t seq, std::int64_t atMs,
                   std::string_view runId, std::uint64_t runSeq, const Hash& runHash) {
  BELAY_CHECK(runId.size() <= 64);
  Fields fields;
  fields.hash(previous);
  fields.u64(seq);
  fields.u64(static_cast<std::uint64_t>(atMs));
  fields.text(runId);
  fields.u64(runSeq);
  fields.hash(runHash);
  return crypto::sha256(fields.bytes()).bytes;
}

Hash ledgerChainStart() { return crypto::sha256(kLedgerLabel).bytes; }

namespace {

Hash rowChainNext(const Hash& previous, std::initializer_list<std::int64_t> numbers,
                  std::initializer_list<std::string_view> texts) {
  Fields fields;
  fields.hash(previous);
  for (const std::int64_t number : numbers) fields.u64(static_cast<std::uint64_t>(number));
  crypto::Sha256 hash;
  hash.update(fields.bytes());
  for (const std::string_view text : texts) {
    Fields length;
    length.u64(text.size());
    hash.update(length.bytes());
    hash.update(text);
  }
  return hash.finish().bytes;
}

}  // namespace

Hash ledgerChainNext(const Hash& previous, std::initializer_list<std::int64_t> numbers,
                     std::initializer_list<std::string_view> texts) {
  return rowChainNext(previous, numbers, texts);
}

Hash statementChainStart() { return crypto::sha256(kStatementLabel).bytes; }

Hash statementChainNext(const Hash& previous, std::initializer_list<std::int64_t> numbers,
                        std::initializer_list<std::string_view> texts) {
  return rowChainNext(previous, numbers, texts);
}

Hash scrubChainStart() { return crypto::sha256(kScrubLabel).bytes; }

Hash scrubChainNext(const Hash& previous, std::initializer_list<std::int64_t> numbers,
                    std::initializer_list<std::string_view> texts) {
  return rowChainNext(previous, numbers, texts);
}

}  // namespace belay::journal
