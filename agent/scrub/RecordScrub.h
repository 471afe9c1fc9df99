#pragma once

#include <cstdint>
#include <string>

#include "common/redaction/Redactor.h"

namespace belay::scrub {

/// Masks values in the record of a job, by as many bytes: short outputs stand there in base64, which
/// has to stay readable. Returns how many there were. Threads: any.
std::uint64_t scrubRecord(std::string& record, const redaction::Redactor& values);

}  // namespace belay::scrub
