// What happens when an exception finds nobody who expects it: mostly that there is no more memory.
//
// Takes the place of the C++ library's own handler, which brings a demangler of 40 KB along to say the name of the
// exception's type. Linked by name into each program (belay_program): what stands in an archive would not be taken.

#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <exception>
#include <string_view>

namespace {

void say(std::string_view text) {
  static_cast<void>(!::write(STDERR_FILENO, text.data(), text.size()));
}

/// Without allocating.
[[noreturn]] void endProgram() {
  say("ended by an exception that nothing expects; most likely there is no more memory\n");
  rlimit bound{};
  if (::getrlimit(RLIMIT_AS, &bound) == 0 && bound.rlim_cur != RLIM_INFINITY) {
    std::array<char, 24> digits{};
    std::size_t first = digits.size();
    for (auto left = bound.rlim_cur; left != 0; left /= 10)
      digits[--first] = static_cast<char>('0' + left % 10);
    say("limits.memory (or ulimit -v) allows bytes: ");
    say({&digits[first], digits.size() - first});
    say("\n");
  }
  std::abort();
}

}  // namespace

namespace __cxxabiv1 {
extern std::terminate_handler __terminate_handler;
std::terminate_handler __terminate_handler = endProgram;
}  // namespace __cxxabiv1
