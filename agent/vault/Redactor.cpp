#include "agent/vault/Redactor.h"

#include <algorithm>
#include <cstring>

#include "agent/vault/SecretForms.h"
#include "common/crypto/Wipe.h"

namespace belay::vault {

namespace {

constexpr std::size_t kPrefixBytes = 4;
constexpr std::size_t kHashBits = 16;
static_assert(Redactor::kShortest >= kPrefixBytes);

std::uint32_t prefixAt(const char* text) {
  std::uint32_t prefix = 0;
  std::memcpy(&prefix, text, kPrefixBytes);
  return prefix;
}

std::uint32_t hashOf(std::uint32_t prefix) { return (prefix * 0x9E3779B1u) >> (32 - kHashBits); }

}  // namespace

bool Redactor::canFind(const SecretValue& value) {
  std::vector<std::string> forms = secretForms(value.reveal(), kShortest);
  for (std::string& form : forms) crypto::wipe(form);
  return !forms.empty();
}

bool Redactor::add(std::string_view name, const SecretValue& value) {
  std::vector<std::string> forms = secretForms(value.reveal(), kShortest);
  if (forms.empty()) return false;
  masks_.push_back("***" + std::string(name) + "***");
  for (std::string& form : forms) {
    insert(form, masks_.size() - 1);
    crypto::wipe(form);
  }
  return true;
}

void Redactor::insert(std::string_view text, std::size_t mask) {
  if (prefixes_.empty()) prefixes_.resize((std::size_t{1} << kHashBits) / 64);
  const std::uint32_t prefix = prefixAt(text.data());
  const std::uint32_t hash = hashOf(prefix);
  prefixes_[hash / 64] |= std::uint64_t{1} << (hash % 64);
  std::vector<Form>& same = forms_[prefix];
  // The first of two secrets with the same value gives the mask.
  const auto place =
      std::upper_bound(same.begin(), same.end(), text.size(),
                       [](std::size_t size, const Form& form) { return size > form.text.size(); });
  same.insert(place, Form{SecretValue(text), mask});
  longest_ = std::max(longest_, text.size());
}

const Redactor::Form* Redactor::longestAt(std::string_view text, std::size_t at) const {
  if (at + kPrefixBytes > text.size()) return nullptr;
  const std::uint32_t prefix = prefixAt(text.data() + at);
  const std::uint32_t hash = hashOf(prefix);
  if ((prefixes_[hash / 64] >> (hash % 64) & 1u) == 0) return nullptr;
  const auto same = forms_.find(prefix);
  if (same == forms_.end()) return nullptr;
  const std::string_view rest = text.substr(at);
  for (const Form& form : same->second) {
    if (rest.starts_with(form.text.reveal())) return &form;
  }
  return nullptr;
}

std::size_t Redactor::replace(std::string_view text, std::size_t until, std::size_t covered,
                              std::string& out) const {
  // Every position is looked at, also below a mask: secrets may overlap, and no tail may show.
  for (std::size_t at = 0; at < until; ++at) {
    const Form* form = longestAt(text, at);
    if (!form) continue;
    if (at >= covered) {
      out.append(text, covered, at - covered);
      out += masks_[form->mask];
    }
    covered = std::max(covered, at + form->text.size());
  }
  if (covered >= until) return covered;
  out.append(text, covered, until - covered);
  return until;
}

std::string Redactor::redact(std::string_view text) const {
  if (empty()) return std::string(text);
  std::string out;
  out.reserve(text.size());
  static_cast<void>(replace(text, text.size(), 0, out));
  return out;
}

bool Redactor::contains(std::string_view text) const {
  if (empty()) return false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (longestAt(text, at)) return true;
  }
  return false;
}

RedactingStream::~RedactingStream() { crypto::wipe(held_); }

std::string RedactingStream::push(std::string_view piece) {
  if (redactor_->empty()) return std::string(piece);
  held_ += piece;
  if (held_.size() < redactor_->longest_) return {};
  // What begins before this place lies in held_ as a whole.
  const std::size_t until = held_.size() - (redactor_->longest_ - 1);
  std::string out;
  covered_ = redactor_->replace(held_, until, covered_, out) - until;
  held_.erase(0, until);
  return out;
}

std::string RedactingStream::finish() {
  std::string out;
  if (!redactor_->empty()) {
    static_cast<void>(redactor_->replace(held_, held_.size(), covered_, out));
  }
  crypto::wipe(held_);
  covered_ = 0;
  return out;
}

}  // namespace belay::vault
