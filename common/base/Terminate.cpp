// What happens when an exception finds nobody who expects it: mostly that there is no more memory.
//
// Takes the place of the C++ library's own handler, which brings a demangler of 40 KB along to say the name of the
// exception's type. Linked by name into each program (belay_program): what stands in an archive would not be taken.

#include <unistd.h>

#include <cstdlib>
#include <exception>
#include <string_view>

namespace {

[[noreturn]] void endProgram() {
  constexpr std::string_view kText =
      "ended by an exception that nothing expects; most likely there is no more memory\n";
  static_cast<void>(!::write(STDERR_FILENO, kText.data(), kText.size()));
  std::abort();
}

}  // namespace

namespace __cxxabiv1 {
extern std::terminate_handler __terminate_handler;
std::terminate_handler __terminate_handler = endProgram;
}  // namespace __cxxabiv1
