// Spoils statements that are signed rightly (pins, rosters, roots, decisions, starts, cards), in
// random ways, and gives each to the one function that believes its kind. Nothing may be believed
// but the payload that was signed, by the same persons. Prints how many were refused, by code; exit
// status 1 when one too many was believed.
//
//   statement_mutations COUNT SEED

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "common/base/ErrorCode.h"
#include "tests/unit/statement/Fleet.h"

namespace {

using belay::base::Result;
using belay::statement::SignedStatement;
using belay::test::Fleet;

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

namespace {

/// A statement that is right, another one of the same people, and who believes such ones.
struct Target {
  std::string kind;
  std::string text, payload;
  std::string other, otherPayload;
  std::size_t signers;
  std::function<Result<std::size_t>(const SignedStatement&)> believe;  ///< Gives the signers.
};

template <typename Document, typename Verify>
Target target(const Fleet& fleet, const char* kind, Document document, Fleet::Names names,
              const std::function<void(Document&)>& change, Verify verify) {
  Target out;
  out.kind = kind;
  out.text = fleet.sign(document, names);
  out.payload = document.print();
  change(document);
  out.other = fleet.sign(document, names);
  out.otherPayload = document.print();
  out.signers = names.size();
  out.believe = [verify](const SignedStatement& statement) -> Result<std::size_t> {
    const auto believed = verify(statement);
    if (!believed) return believed.error();
    return believed->signers().size();
  };
  return out;
}

std::vector<Target> targets(Fleet& fleet) {
  using namespace belay::statement;
  fleet.roster.keys.push_back({fleet.publicKey("sam"), Role::kStarter, KeyClass::kNone, "sam"});
  fleet.roster.keys.push_back(
      {fleet.publicKey("greta"), Role::kRegistrar, KeyClass::kNone, "greta"});
  Decision decision;
  decision.fleet = fleet.fleet();
  decision.request = belay::crypto::sha256("request");
  decision.createdMs = fleet.root.createdMs;
  Start start;
  start.fleet = fleet.fleet();
  start.host = fleet.kid("bob");
  start.epoch = "1.a";
  start.flow = "deploy";
  start.key = "k";
  start.createdMs = fleet.root.createdMs;
  start.notAfterMs = start.createdMs + 60'000;
  Card card(fleet.publicKey("bob"));
  card.fleet = fleet.fleet();
  card.label = "web-1";
  card.groups = {"web"};
  card.createdMs = fleet.root.createdMs;
  Root next = fleet.root;
  next.fleet = fleet.fleet();
  next.version = 2;
  next.prev = fleet.fleet();

  std::vector<Target> out;
  out.push_back(target<Pin>(
      fleet, "pin", fleet.pin, {"ada", "bob"}, [](Pin& pin) { pin.size = 8; },
      [&fleet](const auto& text) { return verifyPin(text, fleet.roster); }));
  out.push_back(target<Roster>(
      fleet, "roster", fleet.roster, {"rosa", "rita"}, [](Roster& roster) { roster.maxAgeS = 9; },
      [&fleet](const auto& text) { return verifyRoster(text, fleet.root, fleet.fleet()); }));
  out.push_back(target<Root>(
      fleet, "root", next, {"rosa", "rolf"}, [](Root& root) { root.name = "toast"; },
      [&fleet](const auto& text) { return verifyNextRoot(text, fleet.root, fleet.fleet()); }));
  out.push_back(target<Decision>(
      fleet, "decision", decision, {"dora"}, [](Decision& one) { one.approve = true; },
      [&fleet](const auto& text) { return verifyDecision(text, fleet.roster); }));
  out.push_back(target<Start>(
      fleet, "start", start, {"sam"}, [](Start& one) { one.flow = "undeploy"; },
      [&fleet](const auto& text) { return verifyStart(text, fleet.roster); }));
  out.push_back(target<Card>(
      fleet, "card", card, {"greta"}, [](Card& one) { one.label = "db-1"; },
      [&fleet](const auto& text) { return verifyCard(text, fleet.roster); }));
  return out;
}

using Counts = std::map<std::string, long>;

/// Empty, or what should not have been believed.
std::string tryOne(const Target& target, const std::string& spoilt, Counts& counts) {
  const auto count = [&](const std::string& what) { ++counts[target.kind + " " + what]; };
  const auto statement = SignedStatement::parse(spoilt);
  if (!statement) {
    count(std::string(belay::base::errorText(statement.error().code)));
    return {};
  }
  const auto signers = target.believe(*statement);
  if (!signers) {
    count(std::string(belay::base::errorText(signers.error().code)));
    return {};
  }
  // Two changes that undo one another, lines in another order, the twin of a signature.
  const std::string_view payload = statement->unverifiedPayload();
  if ((payload != target.payload && payload != target.otherPayload) || *signers != target.signers)
    return target.kind;
  count("as it was signed");
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: statement_mutations COUNT SEED\n");
    return 2;
  }
  Fleet fleet;
  const std::vector<Target> all = targets(fleet);
  for (const Target& one : all) {
    for (const std::string& right : {one.text, one.other}) {
      const auto believed = one.believe(SignedStatement::parse(right).value());
      if (believed.ok() && *believed == one.signers) continue;
      std::printf("a %s that is right is refused: %s\n", one.kind.c_str(),
                  believed.ok() ? "signers" : believed.error().message.c_str());
      return 1;
    }
  }
  Spoiler spoil(std::strtoull(argv[2], nullptr, 10));
  Counts counts;
  for (long i = std::atol(argv[1]); i > 0; --i) {
    const Target& one = all[static_cast<std::size_t>(i) % all.size()];
    // What stands at the same place is of another statement of this kind, or of the next kind.
    const Target& next = all[static_cast<std::size_t>(i + 1) % all.size()];
    const std::string spoilt = spoil(one.text, i % 3 == 0 ? next.text : one.other);
    const std::string believed = tryOne(one, spoilt, counts);
    if (believed.empty()) continue;
    std::printf("BELIEVED as a %s:\n%s\n", believed.c_str(), spoilt.c_str());
    return 1;
  }
  for (const auto& [what, count] : counts) std::printf("%-37s %ld\n", what.c_str(), count);
  return 0;
}
