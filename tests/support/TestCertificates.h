#pragma once

#include <memory>
#include <string>

namespace belay::test {

/// An authority that signs certificates for servers of tests, with keys of its own each time.
///
/// Threads: owner.
class TestAuthority {
 public:
  /// What a certificate says, and how it may be wrong.
  struct Options {
    std::string name =
        "server.test";  ///< Of a host; an IPv4 address becomes an address of the certificate.
    std::string notBefore = "20200101000000";
    std::string notAfter = "20991231235959";
  };
  struct Certificate {
    std::string chainPem;
    std::string keyPem;
    std::string pin;  ///< SHA-256 of its public key, in hex.
  };

  explicit TestAuthority(const std::string& name = "Test Authority");
  ~TestAuthority();
  TestAuthority(const TestAuthority&) = delete;
  TestAuthority& operator=(const TestAuthority&) = delete;

  const std::string& pem() const;
  Certificate issue(const Options& options) const;
  Certificate issue(const std::string& name) const {
    return issue(Options{name, "20200101000000", "20991231235959"});
  }

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace belay::test
