#pragma once

#include <string_view>

#include "common/redaction/Redactor.h"

namespace belay::scrub {

/// Makes `values` look for a value in more forms than live masking does: each of its forms may also
/// stand in JSON, and that inside of other JSON. False when the value is too short. Threads: owner.
bool addForms(redaction::Redactor& values, std::string_view name,
              const redaction::SecretValue& value);

}  // namespace belay::scrub
