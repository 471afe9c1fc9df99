#include "common/redaction/Redactor.h"

#include <algorithm>
#include <cstring>

#include "common/redaction/SecretForms.h"
#include "common/crypto/Wipe.h"

namespace belay::redaction {

namespace {

constexpr std::size_t kBlock = 4;
constexpr std::size_t kHashBits = 16;
static_assert(Redactor::kShortest >= kBlock);

std::uint32_t blockAt(const char* text) {
  std::uint32_t block = 0;
  std::memcpy(&block, text, kBlock);
  return block;
}

std::uint32_t hashOf(std::uint32_t block) { return (block * 0x9E3779B1u) >> (32 - kHashBits); }

/// Of the first bytes of `text`, at most four.
std::uint32_t beginningHash(std::string_view text) {
  std::uint32_t block = 0;
  const std::size_t count = std::min(text.size(), kBlock);
  std::memcpy(&block, text.data(), count);
  return hashOf(block + static_cast<std::uint32_t>(count));
}

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
  const std::uint32_t prefix = blockAt(text.data());
  std::vector<Form>& same = forms_[prefix];
  // The first of two secrets with the same value gives the mask.
  const auto place =
      std::upper_bound(same.begin(), same.end(), text.size(),
                       [](std::size_t size, const Form& form) { return size > form.text.size(); });
  same.insert(place, Form{SecretValue(text), mask});
  noteBeginning(text);
  longest_ = std::max(longest_, text.size());
  const std::size_t window = std::min(text.size(), kWindowMax);
  if (window_ != 0 && window >= window_) return noteShifts(text);
  // A shorter form than any before: no step may pass over it.
  window_ = window;
  shifts_.assign(std::size_t{1} << kHashBits, static_cast<std::uint8_t>(window_ - kBlock + 1));
  for (const auto& [block, forms] : forms_)
    for (const Form& form : forms) noteShifts(form.text.reveal());
}

void Redactor::noteShifts(std::string_view form) {
  for (std::size_t at = 0; at + kBlock <= window_; ++at) {
    std::uint8_t& shift = shifts_[hashOf(blockAt(form.data() + at))];
    shift = std::min(shift, static_cast<std::uint8_t>(window_ - kBlock - at));
  }
}

void Redactor::noteBeginning(std::string_view form) {
  beginnings_.resize(std::size_t{1} << kHashBits);
  for (std::size_t size = 1; size <= kBlock; ++size)
    beginnings_[beginningHash(form.substr(0, size))] = true;
}

bool Redactor::isBeginning(std::string_view text) const {
  if (!beginnings_[beginningHash(text)]) return false;
  const auto goesOn = [text](const Form& form) {
    return form.text.size() > text.size() && form.text.reveal().starts_with(text);
  };
  if (text.size() >= kBlock) {
    const auto same = forms_.find(blockAt(text.data()));
    return same != forms_.end() && std::any_of(same->second.begin(), same->second.end(), goesOn);
  }
  return std::any_of(forms_.begin(), forms_.end(),
                     [&](const auto& same) { return goesOn(same.second.front()); });
}

std::size_t Redactor::openEnd(std::string_view text) const {
  std::size_t at = text.size() - std::min(text.size(), longest_ - 1);
  while (at < text.size() && !isBeginning(text.substr(at))) ++at;
  return at;
}

std::size_t Redactor::candidate(std::string_view text, std::size_t at, std::size_t until) const {
  const char* const last = text.data() + window_ - kBlock;
  const std::uint8_t* const shifts = shifts_.data();
  const std::size_t end = text.size() < window_ ? 0 : std::min(until, text.size() - window_ + 1);
  while (at < end) {
    const std::uint8_t shift = shifts[hashOf(blockAt(last + at))];
    if (shift == 0) return at;
    at += shift;
  }
  return until;
}

const Redactor::Form* Redactor::longestAt(std::string_view text, std::size_t at) const {
  const auto same = forms_.find(blockAt(text.data() + at));
  if (same == forms_.end()) return nullptr;
  const std::string_view rest = text.substr(at);
  for (const Form& form : same->second) {
    if (rest.starts_with(form.text.reveal())) return &form;
  }
  return nullptr;
}

std::size_t Redactor::replace(std::string_view text, std::size_t until, std::size_t covered,
                              std::string& out) const {
  // Every place is looked at, also below a mask: secrets may overlap, and no tail may show.
  for (std::size_t at = candidate(text, 0, until); at < until;
       at = candidate(text, at + 1, until)) {
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
  for (std::size_t at = candidate(text, 0, text.size()); at < text.size();
       at = candidate(text, at + 1, text.size())) {
    if (longestAt(text, at)) return true;
  }
  return false;
}

std::size_t Redactor::overwrite(std::span<char> bytes, std::size_t until) const {
  struct Place {
    std::size_t from, to, mask;
  };
  if (empty()) return 0;
  const std::string_view text(bytes.data(), bytes.size());
  std::vector<Place> found;
  for (std::size_t at = candidate(text, 0, text.size()); at < until;
       at = candidate(text, at + 1, text.size())) {
    const Form* form = longestAt(text, at);
    if (!form) continue;
    const std::size_t to = at + form->text.size();
    if (!found.empty() && at < found.back().to)
      found.back().to = std::max(found.back().to, to);
    else
      found.push_back({at, to, form->mask});
    until = std::max(until, std::min(found.back().to, text.size()));
  }
  for (const Place& place : found) {
    std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(place.from),
              bytes.begin() + static_cast<std::ptrdiff_t>(place.to), '*');
    const std::string& mask = masks_[place.mask];
    if (mask.size() <= place.to - place.from)
      std::copy(mask.begin(), mask.end(), bytes.begin() + static_cast<std::ptrdiff_t>(place.from));
  }
  return found.size();
}

RedactingStream::~RedactingStream() { crypto::wipe(held_); }

std::string RedactingStream::push(std::string_view piece) {
  if (redactor_->empty()) return std::string(piece);
  held_ += piece;
  // What begins before this place lies in held_ as a whole.
  const std::size_t until = redactor_->openEnd(held_);
  std::string out;
  covered_ = redactor_->replace(held_, until, covered_, out) - until;
  held_.erase(0, until);
  return out;
}

std::string RedactingStream::release() {
  if (held_.size() >= Redactor::kShortest || held() == 0) return {};
  std::string out = held_.substr(covered_);
  covered_ = held_.size();
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

}  // namespace belay::redaction
