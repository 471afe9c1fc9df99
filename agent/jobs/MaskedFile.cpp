#include "agent/jobs/MaskedFile.h"

#include <utility>

namespace belay::jobs {

std::shared_ptr<const redaction::Redactor> makeRedactor(const JobRequest& request) {
  if (request.secrets.empty()) return nullptr;
  auto out = std::make_shared<redaction::Redactor>();
  for (const auto& [name, value] : request.secrets)
    static_cast<void>(out->add(name, redaction::SecretValue(value)));
  // All of them may be too short to be looked for.
  if (out->empty()) return nullptr;
  return out;
}

MaskedFile::MaskedFile(int folderFd, std::string name, std::uint64_t bytesMax,
                       const std::shared_ptr<const redaction::Redactor>& redactor)
    : file_(folderFd, std::move(name), bytesMax) {
  if (redactor) stream_.emplace(redactor);
}

std::size_t MaskedFile::append(const char* bytes, std::size_t count, std::int64_t nowMs) {
  given_ = true;
  if (!stream_) return file_.append(bytes, count);
  const std::size_t kept = keep(stream_->push({bytes, count}));
  releaseAtMs_ = stream_->held() > 0 ? nowMs + kQuietMs : -1;
  return kept;
}

std::size_t MaskedFile::releaseWhenDue(std::int64_t nowMs) {
  if (releaseAtMs_ < 0 || nowMs < releaseAtMs_) return 0;
  releaseAtMs_ = -1;
  return keep(stream_->release());
}

std::size_t MaskedFile::finish() {
  releaseAtMs_ = -1;
  return stream_ ? keep(stream_->finish()) : 0;
}

}  // namespace belay::jobs
