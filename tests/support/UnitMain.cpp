// The main function of every CppUTest program: shuffles the tests and prints the seed.
//
// `unit_x -s 1234` repeats an order, `unit_x -g Group -n name` runs one test, `-v` names each.
// Leaks: CppUTest's detector counts new and delete, but takes lazy globals of Poco for leaks and
// hides the heap from sanitizers; where BELAY_TEST_LEAKS is 0 it is off, and the leak sanitizer of
// the asan build looks instead.

#include <cstring>
#include <vector>

#include <CppUTest/CommandLineTestRunner.h>
#include <CppUTest/MemoryLeakWarningPlugin.h>

int main(int argc, char** argv) {
#if BELAY_TEST_LEAKS
  MemoryLeakWarningPlugin::turnOnThreadSafeNewDeleteOverloads();
#else
  MemoryLeakWarningPlugin::turnOffNewDeleteOverloads();
#endif
  bool shuffles = false;
  std::vector<const char*> arguments{argv, argv + argc};
  for (const char* argument : arguments) {
    if (std::strncmp(argument, "-s", 2) == 0) shuffles = true;
  }
  if (!shuffles) arguments.push_back("-s");
  return CommandLineTestRunner::RunAllTests(static_cast<int>(arguments.size()), arguments.data());
}
