// Spoils a pin that is signed rightly by two persons, in random ways, and gives it to the one
// function that believes pins. Nothing may be believed but the payload that was signed, by the same
// persons. Prints how many were refused, by code; exit status 1 when one too many was believed.
//
//   statement_mutations COUNT SEED

#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>
#include <string>

#include "common/base/ErrorCode.h"
#include "tests/unit/statement/Fleet.h"

namespace {

using belay::statement::SignedStatement;

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/\n \"{}";

class Spoiler {
 public:
  explicit Spoiler(std::uint64_t seed) : random_(seed) {}

  std::string operator()(const std::string& text, const std::string& other) {
    std::string out = text;
    // Mostly one change: what is spoilt more is refused earlier.
    const std::size_t changes = 1 + (below(8) == 0 ? below(4) : 0);
    for (std::size_t i = 0; i < changes; ++i) change(out, other);
    return out;
  }

 private:
  std::size_t below(std::size_t end) { return end == 0 ? 0 : random_() % end; }
  char letter() { return kAlphabet[below(kAlphabet.size())]; }

  void change(std::string& out, const std::string& other) {
    if (out.empty()) return;
    const std::size_t at = below(out.size());
    const std::size_t length = 1 + below(64);
    switch (below(10)) {
      case 0:
        out[at] = static_cast<char>(out[at] ^ (1 << below(8)));
        break;
      case 1:
      case 2:
      case 3:
        out[at] = letter();
        break;
      case 4:
        out.insert(at, 1, letter());
        break;
      case 5:
        out.erase(at, 1);
        break;
      case 6:
        out.erase(at, length);
        break;
      case 7:
        out.insert(at, out.substr(below(out.size()), length));
        break;
      case 8: {
        // The same place of another statement of the same persons.
        const std::size_t end = std::min(other.size(), at + length);
        if (at < end) out.replace(at, length, other.substr(at, end - at));
        break;
      }
      default:
        std::swap(out[at], out[below(out.size())]);
    }
  }

  std::mt19937_64 random_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: statement_mutations COUNT SEED\n");
    return 2;
  }
  belay::test::Fleet fleet;
  const std::string text = fleet.sign(fleet.pin, {"ada", "bob"});
  const std::string payload = fleet.pin.print();
  fleet.pin.size = 8;
  const std::string other = fleet.sign(fleet.pin, {"ada", "bob"});
  const std::string otherPayload = fleet.pin.print();
  if (!verifyPin(SignedStatement::parse(text).value(), fleet.roster).ok()) return 1;
  Spoiler spoil(std::strtoull(argv[2], nullptr, 10));
  std::map<std::string, long> refused;
  long untouched = 0;
  for (long i = std::atol(argv[1]); i > 0; --i) {
    const std::string spoilt = spoil(text, other);
    const auto statement = SignedStatement::parse(spoilt);
    if (!statement) {
      ++refused[std::string(belay::base::errorText(statement.error().code))];
      continue;
    }
    const auto believed = verifyPin(*statement, fleet.roster);
    if (!believed) {
      ++refused[std::string(belay::base::errorText(believed.error().code))];
      continue;
    }
    // Two changes that undo one another, lines in another order, the twin of a signature.
    const bool same =
        statement->unverifiedPayload() == payload || statement->unverifiedPayload() == otherPayload;
    if (!same || believed->signers().size() != 2) {
      std::printf("BELIEVED:\n%s\n", spoilt.c_str());
      return 1;
    }
    ++untouched;
  }
  for (const auto& [code, count] : refused) std::printf("%-28s %ld\n", code.c_str(), count);
  std::printf("%-28s %ld\n", "as it was signed", untouched);
  return 0;
}
