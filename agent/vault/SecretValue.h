#pragma once

#include "common/redaction/SecretValue.h"

namespace belay::vault {

/// What the vault keeps is the same as what is looked for in texts.
using SecretValue = redaction::SecretValue;

}  // namespace belay::vault
