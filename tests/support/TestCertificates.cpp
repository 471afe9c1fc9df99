#include "tests/support/TestCertificates.h"

#include <arpa/inet.h>

#include <array>
#include <cstdint>

#include <mbedtls/ecp.h>
#include <mbedtls/oid.h>
#include <mbedtls/pk.h>
#include <mbedtls/x509_crt.h>

#include "common/base/Check.h"
#include "common/base/Random.h"
#include "common/crypto/Sha256.h"

namespace belay::test {

namespace {

int fillRandom(void*, unsigned char* out, std::size_t length) noexcept {
  base::OsRandom random;
  random.fill({out, length});
  return 0;
}

class Key {
 public:
  Key() {
    mbedtls_pk_init(&raw_);
    BELAY_CHECK(mbedtls_pk_setup(&raw_, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY)) == 0);
    BELAY_CHECK(mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(raw_), fillRandom,
                                    nullptr) == 0);
  }
  ~Key() { mbedtls_pk_free(&raw_); }
  Key(const Key&) = delete;
  Key& operator=(const Key&) = delete;

  mbedtls_pk_context* get() { return &raw_; }
  std::string pem() {
    std::array<unsigned char, 2048> out{};
    BELAY_CHECK(mbedtls_pk_write_key_pem(&raw_, out.data(), out.size()) == 0);
    return reinterpret_cast<const char*>(out.data());
  }
  std::string pin() {
    std::array<unsigned char, 256> out{};
    const int length = mbedtls_pk_write_pubkey_der(&raw_, out.data(), out.size());
    BELAY_CHECK(length > 0);
    // It is written to the end.
    const auto* bytes = reinterpret_cast<const char*>(out.data() + out.size() - length);
    return crypto::sha256(std::string_view(bytes, static_cast<std::size_t>(length))).hex();
  }

 private:
  mbedtls_pk_context raw_;
};

/// A certificate in the works.
class Draft {
 public:
  Draft() {
    mbedtls_x509write_crt_init(&raw_);
    mbedtls_x509write_crt_set_version(&raw_, MBEDTLS_X509_CRT_VERSION_3);
    mbedtls_x509write_crt_set_md_alg(&raw_, MBEDTLS_MD_SHA256);
    std::array<unsigned char, 8> serial{};
    fillRandom(nullptr, serial.data(), serial.size());
    serial[0] = 1;
    BELAY_CHECK(mbedtls_x509write_crt_set_serial_raw(&raw_, serial.data(), serial.size()) == 0);
  }
  ~Draft() { mbedtls_x509write_crt_free(&raw_); }
  Draft(const Draft&) = delete;
  Draft& operator=(const Draft&) = delete;

  mbedtls_x509write_cert* get() { return &raw_; }

  void sign(Key& subject, const std::string& subjectName, Key& issuer,
            const std::string& issuerName) {
    mbedtls_x509write_crt_set_subject_key(&raw_, subject.get());
    mbedtls_x509write_crt_set_issuer_key(&raw_, issuer.get());
    BELAY_CHECK(mbedtls_x509write_crt_set_subject_name(&raw_, ("CN=" + subjectName).c_str()) == 0);
    BELAY_CHECK(mbedtls_x509write_crt_set_issuer_name(&raw_, ("CN=" + issuerName).c_str()) == 0);
  }

  std::string pem() {
    std::array<unsigned char, 4096> out{};
    BELAY_CHECK(mbedtls_x509write_crt_pem(&raw_, out.data(), out.size(), fillRandom, nullptr) == 0);
    return reinterpret_cast<const char*>(out.data());
  }

 private:
  mbedtls_x509write_cert raw_;
};

void setName(Draft& draft, const std::string& name) {
  in_addr address{};
  std::string bytes = name;
  mbedtls_x509_san_list entry{};
  entry.node.type = MBEDTLS_X509_SAN_DNS_NAME;
  if (::inet_pton(AF_INET, name.c_str(), &address) == 1) {
    entry.node.type = MBEDTLS_X509_SAN_IP_ADDRESS;
    bytes.assign(reinterpret_cast<const char*>(&address), sizeof address);
  }
  entry.node.san.unstructured_name.p = reinterpret_cast<unsigned char*>(bytes.data());
  entry.node.san.unstructured_name.len = bytes.size();
  BELAY_CHECK(mbedtls_x509write_crt_set_subject_alternative_name(draft.get(), &entry) == 0);
}

}  // namespace

struct TestAuthority::Parts {
  std::string name;
  Key key;
  std::string pem;
};

TestAuthority::TestAuthority(const std::string& name) : parts_(std::make_unique<Parts>()) {
  parts_->name = name;
  Draft draft;
  draft.sign(parts_->key, name, parts_->key, name);
  const Options options;
  BELAY_CHECK(mbedtls_x509write_crt_set_validity(draft.get(), options.notBefore.c_str(),
                                                 options.notAfter.c_str()) == 0);
  BELAY_CHECK(mbedtls_x509write_crt_set_basic_constraints(draft.get(), 1, -1) == 0);
  BELAY_CHECK(mbedtls_x509write_crt_set_key_usage(draft.get(), MBEDTLS_X509_KU_KEY_CERT_SIGN) == 0);
  parts_->pem = draft.pem();
}

TestAuthority::~TestAuthority() = default;

const std::string& TestAuthority::pem() const { return parts_->pem; }

TestAuthority::Certificate TestAuthority::issue(const Options& options) const {
  Key key;
  Draft draft;
  draft.sign(key, "server", parts_->key, parts_->name);
  BELAY_CHECK(mbedtls_x509write_crt_set_validity(draft.get(), options.notBefore.c_str(),
                                                 options.notAfter.c_str()) == 0);
  BELAY_CHECK(mbedtls_x509write_crt_set_basic_constraints(draft.get(), 0, -1) == 0);
  setName(draft, options.name);
  return {draft.pem(), key.pem(), key.pin()};
}

}  // namespace belay::test
