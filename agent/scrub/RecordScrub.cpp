#include "agent/scrub/RecordScrub.h"

#include "agent/jobs/JobOutcome.h"

namespace belay::scrub {

namespace {

std::uint64_t overwriteAll(std::string& text, const redaction::Redactor& values) {
  return values.overwrite({text.data(), text.size()}, text.size());
}

}  // namespace

std::uint64_t scrubRecord(std::string& record, const redaction::Redactor& values) {
  std::uint64_t found = 0;
  // The second line says how the job ended, and has what it wrote.
  const std::size_t second = record.find('\n') + 1;
  auto exit = jobs::parseExitRecord(std::string_view(record).substr(second));
  if (second > 0 && exit.ok()) {
    for (std::string* held : {&exit->stdoutHeld, &exit->stderrHeld, &exit->resultHeld})
      found += overwriteAll(*held, values);
    const std::string written = jobs::printExitRecord(*exit);
    if (written.size() == record.size() - second) record.replace(second, written.size(), written);
  }
  return found + overwriteAll(record, values);
}

}  // namespace belay::scrub
