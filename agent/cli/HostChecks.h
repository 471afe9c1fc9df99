#pragma once

#include <string>
#include <vector>

#include "agent/cli/Invocation.h"

namespace belay::cli {

/// What the doctor found about one thing.
struct Check {
  enum class Verdict { kOk, kInfo, kWarn, kFail };
  std::string name;
  Verdict verdict = Verdict::kOk;
  std::string message;
  std::string action;  ///< What to do about it; empty when there is nothing to do.
};
std::string_view verdictName(Check::Verdict verdict);

// Each looks, changes nothing, and never fails as a whole.

std::vector<Check> checkStateFolder(const Invocation& invocation, const Installation& where);
std::vector<Check> checkKeys(const Invocation& invocation, const Installation& where);
std::vector<Check> checkHost(const Invocation& invocation, const Installation& where);

/// What the relay has no room for and why: `held` of a link, in words.
std::string heldText(const json::Value& held);

}  // namespace belay::cli
