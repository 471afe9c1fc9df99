#include "common/redaction/SecretValue.h"

#include <algorithm>
#include <utility>

#include "common/crypto/Wipe.h"

namespace belay::redaction {

SecretValue::SecretValue(std::string_view bytes)
    : bytes_(std::make_unique<char[]>(bytes.size())), size_(bytes.size()) {
  std::copy(bytes.begin(), bytes.end(), bytes_.get());
}

SecretValue SecretValue::take(std::string&& bytes) {
  SecretValue value{std::string_view(bytes)};
  crypto::wipe(bytes);
  return value;
}

SecretValue::SecretValue(SecretValue&& other) noexcept
    : bytes_(std::move(other.bytes_)), size_(std::exchange(other.size_, 0)) {}

SecretValue& SecretValue::operator=(SecretValue&& other) noexcept {
  if (this != &other) {
    clear();
    bytes_ = std::move(other.bytes_);
    size_ = std::exchange(other.size_, 0);
  }
  return *this;
}

void SecretValue::clear() noexcept {
  if (bytes_) crypto::wipe(bytes_.get(), size_);
  bytes_.reset();
  size_ = 0;
}

}  // namespace belay::redaction
