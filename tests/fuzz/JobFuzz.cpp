// Any bytes where daemon and supervisor read what the other has left: the record of a job, its
// lines, the request that goes through the socket, and what /proc says of a process.

#include <algorithm>
#include <string>
#include <vector>

#include "agent/jobs/JobFiles.h"
#include "agent/jobs/JobRecord.h"
#include "agent/jobs/JobRequest.h"
#include "common/base/Check.h"
#include "tests/fuzz/Input.h"

namespace belay::fuzz {
namespace {

void readLines(std::string_view text) {
  const auto claim = jobs::parseClaimRecord(text);
  if (claim.ok()) {
    const std::string printed = jobs::printClaimRecord(*claim);
    const auto again = jobs::parseClaimRecord(printed);
    BELAY_CHECK(again.ok() && jobs::printClaimRecord(*again) == printed);
  }
  const auto exit = jobs::parseExitRecord(text);
  if (exit.ok()) {
    const std::string printed = jobs::printExitRecord(*exit);
    const auto again = jobs::parseExitRecord(printed);
    BELAY_CHECK(again.ok() && jobs::printExitRecord(*again) == printed);
  }
}

void readRecord(std::string_view text) {
  const jobs::JobRecord record = jobs::parseJobRecord(text);
  BELAY_CHECK(record.claim.has_value() || !record.exit.has_value());
  // A record that lost its end tells less, and nothing else.
  const jobs::JobRecord torn = jobs::parseJobRecord(text.substr(0, text.size() / 2));
  if (torn.claim) BELAY_CHECK(record.claim && record.claim->pid == torn.claim->pid);
}

void checkList(const std::vector<char*>& list, const std::vector<char>& payload) {
  BELAY_CHECK(!list.empty() && list.back() == nullptr);
  for (const char* item : list) {
    if (item == nullptr) continue;
    BELAY_CHECK(item >= payload.data() && item < payload.data() + payload.size());
    BELAY_CHECK(std::string_view(item).size() < payload.size());
  }
}

void readRequest(std::string_view text) {
  std::vector<char> payload(text.begin(), text.end());
  const auto request = jobs::parseRequest(payload);
  if (!request.ok()) return;
  checkList(request->programs, payload);
  checkList(request->arguments, payload);
  checkList(request->environment, payload);
  BELAY_CHECK(request->script.size() <= payload.size());
  BELAY_CHECK(std::string_view(request->id).size() < payload.size());
  BELAY_CHECK(std::string_view(request->workFolder).size() < payload.size());
}

}  // namespace
}  // namespace belay::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = belay::fuzz::textOf(data, size);
  belay::fuzz::readLines(text);
  belay::fuzz::readRecord(text);
  belay::fuzz::readRequest(text);
  static_cast<void>(belay::jobs::parseProcessStat(text));
  BELAY_CHECK(belay::jobs::withoutCutCharacter(text).size() <= text.size());
  return 0;
}
