#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "agent/cli/Invocation.h"
#include "common/base/Result.h"

namespace belay::cli {

/// What somebody did on the page.
struct BrowserAnswer {
  bool signs = false;   ///< Pressed the button; else they turned it down.
  std::string comment;  ///< As they wrote it.
};

/// Serves one page to a browser of this machine, on a port of the loopback that the kernel chooses,
/// and waits for its answer. The address, with a secret that is good for one browser, goes to the
/// terminal. Nothing on the page comes from elsewhere, and no script runs on it.
///
/// `page` is text in which whatever could deceive is visible already; `verb` stands on the button.
/// Errors: kTimeout after `wait`; kIo.
base::Result<BrowserAnswer> askInBrowser(const Invocation& invocation, const std::string& page,
                                         const std::string& verb, const std::string& comment,
                                         std::chrono::milliseconds wait);

}  // namespace belay::cli
