#include "agent/scrub/ScrubForms.h"

#include <string>
#include <vector>

#include "common/crypto/Wipe.h"
#include "common/redaction/SecretForms.h"

namespace belay::scrub {

namespace {

/// As it stands in JSON; other escapes than these are among the forms of a value already.
std::string escaped(std::string_view form, bool slashToo) {
  std::string out;
  for (const char c : form) {
    if (c == '"' || c == '\\' || (c == '/' && slashToo)) out += '\\';
    out += c;
  }
  return out;
}

}  // namespace

bool addForms(redaction::Redactor& values, std::string_view name,
              const redaction::SecretValue& value) {
  if (!values.add(name, value)) return false;
  std::vector<std::string> forms =
      redaction::secretForms(value.reveal(), redaction::Redactor::kShortest);
  for (std::string& form : forms) {
    for (const bool slashToo : {false, true}) {
      std::string text = escaped(form, slashToo);
      if (text != form) static_cast<void>(values.add(name, redaction::SecretValue::take(std::move(text))));
    }
    crypto::wipe(form);
  }
  return true;
}

}  // namespace belay::scrub
