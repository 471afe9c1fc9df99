#pragma once

#include <initializer_list>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "common/base/Text.h"
#include "common/crypto/Sha256.h"
#include "common/statement/Verify.h"
#include "tests/support/SeededRandom.h"

namespace belay::test {

/// A fleet with keys for everybody: what tests make statements from, and then spoil.
class Fleet {
 public:
  Fleet() {
    for (const char* name :
         {"rosa", "rolf", "rita", "ada", "bob", "cy", "cy2", "dora", "eve", "sam", "greta"}) {
      keys_.emplace(name, crypto::P256PrivateKey::generate(random_));
    }
    root.name = "test";
    root.createdMs = 1'700'000'000'000;
    root.threshold = 2;
    for (const char* name : {"rosa", "rolf", "rita"}) root.keys.push_back({publicKey(name), name});
    roster.fleet = fleet();
    roster.createdMs = root.createdMs;
    roster.maxAgeS = 86'400;
    roster.pinThreshold = 2;
    for (const char* name : {"ada", "bob", "cy"}) addSigner(name, name);
    addSigner("cy2", "cy");
    roster.keys.push_back(
        {publicKey("dora"), statement::Role::kApprover, statement::KeyClass::kE2e, "dora"});
    pin.fleet = fleet();
    pin.flow = "deploy";
    pin.release = crypto::sha256("content");
    pin.size = 7;
    pin.createdMs = root.createdMs;
  }

  const crypto::P256PrivateKey& key(const std::string& name) const { return keys_.at(name); }
  crypto::P256PublicKey publicKey(const std::string& name) const { return key(name).publicKey(); }
  std::string kid(const std::string& name) const { return publicKey(name).thumbprint(); }
  crypto::Digest fleet() const { return crypto::sha256(root.print()); }
  void addSigner(const std::string& name, const std::string& person) {
    roster.keys.push_back(
        {publicKey(name), statement::Role::kReleaseSigner, statement::KeyClass::kNone, person});
  }

  using Names = std::initializer_list<const char*>;
  std::string sign(std::string_view typ, const std::string& payload, Names names) const {
    std::string lines;
    for (const char* name : names) lines += statement::signJws(key(name), typ, payload) + "\n";
    return lines;
  }
  template <typename Document>
  std::string sign(const Document& document, Names names) const {
    return sign(Document::kTyp, document.print(), names);
  }
  template <typename Document>
  statement::SignedStatement signedBy(const Document& document, Names names) const {
    return statement::SignedStatement::parse(sign(document, names)).value();
  }
  template <typename Document>
  static crypto::Digest digestOf(const Document& document) {
    return crypto::sha256(document.print());
  }

  statement::Root root;
  statement::Roster roster;
  statement::Pin pin;

 private:
  SeededRandom random_;
  std::map<std::string, crypto::P256PrivateKey> keys_;
};

/// `text` with the first `from` replaced.
inline std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  BELAY_CHECK(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

}  // namespace belay::test
