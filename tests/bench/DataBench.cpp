// Resources against what the disk and SHA-256 do by themselves, in turns, and a search over many
// texts. Prints one JSON object.
//
//   data_bench FOLDER TEXTS

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "agent/journal/Journal.h"
#include "agent/journal/ResourceTable.h"
#include "agent/resources/ResourceStore.h"
#include "agent/resources/ResourceStream.h"
#include "agent/steps/SearchStep.h"
#include "common/base/Files.h"
#include "common/crypto/Sha256.h"
#include "common/log/Log.h"

namespace {

using namespace belay;
using Time = std::chrono::steady_clock;

constexpr std::size_t kBytes = 64u << 20;
constexpr std::size_t kPiece = 64u << 10;
constexpr int kRounds = 7;

template <typename T>
T must(base::Result<T> result) {
  if (result.ok()) return std::move(result).value();
  std::fprintf(stderr, "%s\n", result.error().message.c_str());
  std::exit(1);
}

void must(base::Status status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.error().message.c_str());
  std::exit(1);
}

double secondsSince(Time::time_point begun) {
  return std::chrono::duration<double>(Time::now() - begun).count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

std::string pieceOf(int round, std::size_t number) {
  std::string piece(kPiece, static_cast<char>('a' + number % 26));
  const std::string mark = std::to_string(round) + "/" + std::to_string(number);
  return piece.replace(0, mark.size(), mark);
}

double rawWrite(const std::string& path, int round) {
  const auto begun = Time::now();
  crypto::Sha256 hash;
  const base::UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  for (std::size_t at = 0; at < kBytes; at += kPiece) {
    const std::string piece = pieceOf(round, at / kPiece);
    hash.update(piece);
    must(base::writeAll(fd.get(), piece, path));
  }
  static_cast<void>(hash.finish());
  if (::fsync(fd.get()) != 0) std::exit(1);
  return secondsSince(begun);
}

double rawRead(const std::string& path) {
  const auto begun = Time::now();
  crypto::Sha256 hash;
  const base::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::vector<char> buffer(kPiece);
  while (true) {
    const ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
    if (got <= 0) break;
    hash.update({buffer.data(), static_cast<std::size_t>(got)});
  }
  static_cast<void>(hash.finish());
  return secondsSince(begun);
}

crypto::Digest write(resources::ResourceStore& store, int round, double& seconds) {
  const auto begun = Time::now();
  const auto writer = must(store.write(kBytes));
  for (std::size_t at = 0; at < kBytes; at += kPiece)
    must(writer->write(pieceOf(round, at / kPiece)));
  const resources::Resource resource = must(writer->commit());
  seconds = secondsSince(begun);
  return resource.digest;
}

double read(const resources::ResourceStore& store, const crypto::Digest& digest) {
  const auto begun = Time::now();
  must(store.stream(digest, [](std::string_view) { return base::Status{}; }));
  return secondsSince(begun);
}

/// Words that are as rare as those of a language: a few stand everywhere, most hardly anywhere.
std::string textOf(std::uint64_t& state) {
  std::string out;
  for (int i = 0; i < 60; ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    const double unit = static_cast<double>(state >> 11) * 0x1.0p-53;
    const auto rank = static_cast<std::uint64_t>(1.0 / (0.00005 + unit * unit));
    out += "w" + std::to_string(rank) + " ";
  }
  return out;
}

double searches(const std::string& folder, std::int64_t count) {
  const base::PosixClock clock;
  log::NoLog log;
  journal::JournalOptions options;
  options.path = folder + "/journal.db";
  options.reserveBytes = 0;
  const auto journal = must(journal::Journal::open(options, clock, log));
  journal::RunRow run;
  run.id = must(base::RunId::parse("r1"));
  run.slug = "bench";
  run.flowDigest = "sha256:00";
  run.source = "draft";
  run.startedBy = "uid:0";
  journal::RunHead head;
  must(journal->addRun(run, head));
  std::uint64_t state = 1;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::string text = textOf(state);
    journal::ResourceRow row;
    row.digest = crypto::sha256(text).hex();
    row.ref = "res://sha256/" + row.digest;
    row.run = run.id;
    row.step = "s";
    row.name = "text " + std::to_string(i);
    row.mediaType = "text/plain";
    row.size = text.size();
    row.indexText = text;
    must(journal->resourceTable().add(row));
    if (i % 1000 == 999) must(journal->commit());
  }
  if (journal->inTransaction()) must(journal->commit());
  std::vector<double> times;
  for (const char* query : {"w1", "w2 w3", "w17", "w1* OR w2*", "w100 w1", "w5000", "\"w1 w1\"", "w4 -w1"}) {
    for (int round = 0; round < 5; ++round) {
      steps::SearchOptions what;
      what.query = query;
      what.slug = round % 2 == 0 ? "" : "bench";
      const auto begun = Time::now();
      must(steps::search({*journal, nullptr, nullptr}, what));
      times.push_back(secondsSince(begun) * 1000);
    }
  }
  std::sort(times.begin(), times.end());
  return times[times.size() * 95 / 100];
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: data_bench FOLDER TEXTS\n");
    return 2;
  }
  const std::string folder = std::string(argv[1]) + "/data-bench";
  static_cast<void>(base::removeTree(folder));
  must(base::makeFolders(folder));
  const base::PosixClock clock;
  base::OsRandom random;
  const auto store = must(resources::ResourceStore::open(folder + "/resources", clock, random));
  std::vector<double> writes, reads;
  for (int round = 0; round < kRounds; ++round) {
    double seconds = 0;
    const double rawWriting = rawWrite(folder + "/raw", round);
    const crypto::Digest digest = write(*store, round, seconds);
    writes.push_back(rawWriting / seconds);
    const double rawReading = rawRead(folder + "/raw");
    reads.push_back(rawReading / read(*store, digest));
    must(store->remove(digest));
  }
  const double search = searches(folder, std::atoll(argv[2]));
  std::printf("{\"write_ratio\":%.4f,\"read_ratio\":%.4f,\"search_ms\":%.3f}\n", median(writes),
              median(reads), search);
  static_cast<void>(base::removeTree(folder));
  return 0;
}
