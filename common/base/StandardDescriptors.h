#pragma once

namespace belay::base {

/// Opens /dev/null where standard input, output or error are closed, so that what is opened later
/// is not taken for one of them, or for the log. What is written to an output that was closed
/// fails. For the beginning of main(), before anything else is opened.
void fillStandardDescriptors() noexcept;

}  // namespace belay::base
