// Hands lines to the shells of this machine, as sshd does, and compares what their program gets with
// what was meant to arrive, byte for byte; words are made by a seeded generator and by hand.

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/tools/RemoteCommand.h"
#include "common/base/Files.h"

#include <CppUTest/TestHarness.h>

using belay::tools::quoteWord;
using belay::tools::RemoteCommand;
using belay::tools::remoteLine;
using belay::tools::RemoteLine;

namespace {

/// What the line's program writes, given `input`, by the shell that an account could have.
std::string runBy(const char* shell, const std::string& line, const std::string& input) {
  std::array<int, 2> in{};
  std::array<int, 2> out{};
  CHECK_EQUAL(0, ::pipe(in.data()));
  CHECK_EQUAL(0, ::pipe(out.data()));
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(in[0], 0);
    ::dup2(out[1], 1);
    for (const int fd : {in[0], in[1], out[0], out[1]}) ::close(fd);
    ::execl(shell, shell, "-c", line.c_str(), nullptr);
    ::_exit(127);
  }
  ::close(in[0]);
  ::close(out[1]);
  CHECK(belay::base::writeAll(in[1], input, "input").ok());
  ::close(in[1]);
  std::string text;
  std::array<char, 4096> buffer;
  for (ssize_t count; (count = ::read(out[0], buffer.data(), buffer.size())) > 0;)
    text.append(buffer.data(), static_cast<std::size_t>(count));
  ::close(out[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  return text;
}

/// Each word with a NUL behind it, as printf writes them.
std::string asWritten(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += word + '\0';
  return out;
}

RemoteCommand printing(const std::vector<std::string>& words) {
  RemoteCommand command;
  command.argv = {"printf", "%s\\0"};
  command.argv.insert(command.argv.end(), words.begin(), words.end());
  return command;
}

constexpr std::array<const char*, 2> kShells{"/bin/sh", "/bin/bash"};

}  // namespace

TEST_GROUP(RemoteCommand) {
  void arrives(const std::vector<std::string>& words) {
    const RemoteLine line = remoteLine(printing(words));
    for (const char* shell : kShells) {
      const std::string got = runBy(shell, line.line, line.prelude);
      if (got != asWritten(words)) FAIL(("by " + std::string(shell) + ": " + line.line).c_str());
    }
  }
};

TEST(RemoteCommand, wordsThatShellsReadOtherwiseArriveAsTheyAre) {
  arrives({"", " ", "'", "\"", "\\", "\\'", "'\\''", "$(id)", "`id`", "$HOME", ";", "&&", "|", "*", "~",
           "#", "!", "!!", "\n", "a\n", "\n\n", "-n", "--", "%s", "\\0101", "{a,b}", "<x", ">x", "\x01",
           "\xff\xfe", "é"});
}

TEST(RemoteCommand, anyBytesButNulArrive) {
  std::uint64_t state = 20261129;
  for (int round = 0; round < 20; ++round) {
    std::vector<std::string> words;
    for (int i = 0; i < 8; ++i) {
      std::string word;
      for (int length = 0; length < 24; ++length) {
        state = state * 6364136223846793005ULL + 1442695040888963407ULL;
        const auto byte = static_cast<char>(state >> 56);
        // Half of them from what shells look at.
        constexpr std::string_view kLoud = "'\"\\$`!*?[]{}()<>|&;#~ \t\n=%-";
        word += (state >> 40 & 1) != 0 ? kLoud[static_cast<std::size_t>(state >> 44) % kLoud.size()]
                                       : (byte == 0 ? 'x' : byte);
      }
      words.push_back(std::move(word));
    }
    arrives(words);
  }
}

TEST(RemoteCommand, variablesArriveThroughTheInputAndNotOnTheLine) {
  RemoteCommand command;
  command.argv = {"/bin/sh", "-c", "printf '%s|%s|' \"$A\" \"$B\"; cat"};
  command.environment = {{"A", "line\n\n'quoted' \\ $(id)\n"}, {"B", ""}};
  const RemoteLine line = remoteLine(command);
  CHECK(line.line.find("quoted") == std::string::npos);
  for (const char* shell : kShells) {
    const std::string got = runBy(shell, line.line, line.prelude + "the rest\n");
    CHECK_EQUAL(std::string("line\n\n'quoted' \\ $(id)\n||the rest\n"), got);
  }
}

TEST(RemoteCommand, withATerminalTheyStandInTheLine) {
  RemoteCommand command;
  command.argv = {"/bin/sh", "-c", "printf %s \"$A\""};
  command.environment = {{"A", "a 'b'\n"}};
  command.terminal = true;
  const RemoteLine line = remoteLine(command);
  CHECK_EQUAL(std::string(), line.prelude);
  for (const char* shell : kShells) CHECK_EQUAL(std::string("a 'b'\n"), runBy(shell, line.line, ""));
}

TEST(RemoteCommand, aFolderThatIsNotThereEndsIt) {
  RemoteCommand command = printing({"x"});
  command.folder = "/no/such";
  CHECK_EQUAL(std::string(), runBy("/bin/sh", remoteLine(command).line, ""));
  command.folder = "/usr/lib";
  command.argv = {"pwd"};
  CHECK_EQUAL(std::string("/usr/lib\n"), runBy("/bin/sh", remoteLine(command).line, ""));
}

TEST(RemoteCommand, aWordWithoutAnythingToQuoteStaysReadable) {
  CHECK_EQUAL(std::string("/usr/bin/git"), quoteWord("/usr/bin/git"));
  CHECK_EQUAL(std::string("''"), quoteWord(""));
  CHECK_EQUAL(std::string("'a b'"), quoteWord("a b"));
}
