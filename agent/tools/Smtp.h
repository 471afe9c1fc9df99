#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/Clock.h"
#include "common/base/Result.h"
#include "common/tls/Stream.h"

namespace belay::tools {

/// What a server says to one command.
struct SmtpReply {
  int code = 0;
  std::vector<std::string> lines;  ///< Without the code.

  bool good() const { return code >= 200 && code < 400; }
  /// Trying again later may help.
  bool forNow() const { return code >= 400 && code < 500; }
  std::string str() const;
};

/// A dialog with a mail server (RFC 5321). By hand, on our own TLS: the client of Poco would take a
/// quarter of a megabyte.
///
/// Threads:   owner.
/// Ownership: borrows the clock.
/// Errors:    kSmtpRefused with the server's words (`lastReply()` has the code), kConnect,
///            kTimeout, kTls, kTlsCertificate, kAuthentication.
class Smtp {
 public:
  Smtp(std::unique_ptr<tls::Stream> stream, const base::Clock& clock)
      : stream_(std::move(stream)), clock_(clock) {}

  /// The handshake of TLS for `host`: before anything else, or after STARTTLS.
  base::Status secure(std::shared_ptr<tls::TlsClientConfig> config, const std::string& host,
                      std::uint16_t port);
  base::Status greet(const std::string& hello);
  /// Asks for TLS and makes it, and greets again. kSmtpRefused where the server has none: the mail
  /// is not sent in the clear.
  base::Status startTls(std::shared_ptr<tls::TlsClientConfig> config, const std::string& host,
                        std::uint16_t port, const std::string& hello);
  base::Status login(const std::string& user, const std::string& password);
  /// Names sender and recipients; all of them must be taken, or none gets the mail.
  base::Status address(const std::string& from, const std::vector<std::string>& recipients,
                       std::size_t size);
  /// Sends the message up to its end, which is not said yet.
  base::Status content(std::string_view stuffed);
  /// What follows it, likewise.
  base::Status more(std::string_view stuffed);
  /// Says that it is complete; success: the server has taken it.
  base::Status end();
  void quit();

  const SmtpReply& lastReply() const { return reply_; }

 private:
  base::Status command(const std::string& line, const std::string& what);
  base::Status readReply(const std::string& what);
  base::Result<std::string> readLine();
  base::Status ehlo(const std::string& hello);
  base::Status loginStep(const std::string& line);
  bool offers(std::string_view keyword) const;
  tls::Deadline soon() const;

  std::unique_ptr<tls::Stream> stream_;
  const base::Clock& clock_;
  std::string buffer_;
  SmtpReply reply_;
  std::vector<std::string> offers_;  ///< Lines of the answer to EHLO.
};

}  // namespace belay::tools
