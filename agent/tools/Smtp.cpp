#include "agent/tools/Smtp.h"

#include <algorithm>
#include <array>

#include "common/base/Text.h"
#include "common/crypto/Wipe.h"

namespace belay::tools {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

constexpr std::chrono::minutes kPatience{2};  // For one answer; the step has a timeout besides.
constexpr std::size_t kLineBytesMax = 4096;
constexpr std::size_t kLinesMax = 100;
constexpr std::size_t kPieceBytes = 64 * 1024;

}  // namespace

std::string SmtpReply::str() const {
  std::string out = std::to_string(code);
  for (const std::string& line : lines) {
    if (out.size() < 400) out += " " + base::visible(line);
  }
  return out.substr(0, 500);
}

tls::Deadline Smtp::soon() const { return {clock_, kPatience, nullptr}; }

Status Smtp::secure(std::shared_ptr<tls::TlsClientConfig> config, const std::string& host,
                    std::uint16_t port) {
  return stream_->startTls(std::move(config), host, port, soon());
}

Result<std::string> Smtp::readLine() {
  for (;;) {
    const std::size_t end = buffer_.find('\n');
    if (end != std::string::npos) {
      std::string line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      if (line.ends_with('\r')) line.pop_back();
      return line;
    }
    if (buffer_.size() > kLineBytesMax)
      return Error{ErrorCode::kSmtpRefused, "the mail server sent a line that does not end"};
    std::array<char, 4096> piece;
    BELAY_ASSIGN(const std::size_t count, stream_->read(piece, soon()));
    if (count == 0)
      return Error{ErrorCode::kConnect, "the mail server closed the connection"};
    buffer_.append(piece.data(), count);
  }
}

Status Smtp::readReply(const std::string& what) {
  reply_ = {};
  for (;;) {
    BELAY_ASSIGN(const std::string line, readLine());
    const auto code = base::parseUnsigned(std::string_view(line).substr(0, 3));
    const bool fits = line.size() >= 3 && code && *code >= 200 && *code < 600 &&
                      (line.size() == 3 || line[3] == ' ' || line[3] == '-');
    if (!fits || reply_.lines.size() == kLinesMax)
      return Error{ErrorCode::kSmtpRefused, what + ": the server does not speak SMTP: " +
                                                base::visible(line.substr(0, 200))};
    reply_.code = static_cast<int>(*code);
    reply_.lines.push_back(line.size() > 4 ? line.substr(4) : "");
    if (line.size() == 3 || line[3] == ' ') break;
  }
  if (reply_.good()) return {};
  return Error{ErrorCode::kSmtpRefused, what + ": " + reply_.str()};
}

Status Smtp::command(const std::string& line, const std::string& what) {
  // Answers that came before the question would be those of somebody in between.
  if (!buffer_.empty())
    return Error{ErrorCode::kSmtpRefused, what + ": the server answered before it was asked"};
  BELAY_TRY(stream_->write(line + "\r\n", soon()));
  return readReply(what);
}

Status Smtp::ehlo(const std::string& hello) {
  BELAY_TRY(command("EHLO " + hello, "greet the mail server"));
  offers_ = reply_.lines;
  return {};
}

bool Smtp::offers(std::string_view keyword) const {
  return std::any_of(offers_.begin(), offers_.end(), [&](const std::string& line) {
    const std::string_view word = std::string_view(line).substr(0, line.find_first_of(" ="));
    return base::equalsIgnoringCase(word, keyword);
  });
}

Status Smtp::greet(const std::string& hello) {
  BELAY_TRY(readReply("connect to the mail server"));
  return ehlo(hello);
}

Status Smtp::startTls(std::shared_ptr<tls::TlsClientConfig> config, const std::string& host,
                      std::uint16_t port, const std::string& hello) {
  if (!offers("STARTTLS"))
    return Error{ErrorCode::kSmtpRefused,
                 "the mail server offers no STARTTLS, and the mail is not sent in the clear",
                 {"set tls: implicit of the connection, for port 465"}};
  BELAY_TRY(command("STARTTLS", "start TLS"));
  // What was sent in the clear behind it must not be taken for what comes through TLS.
  if (!buffer_.empty())
    return Error{ErrorCode::kTls, "the mail server sent more in the clear after STARTTLS"};
  BELAY_TRY(secure(std::move(config), host, port));
  return ehlo(hello);
}

Status Smtp::loginStep(const std::string& line) {
  const Status taken = command(line, "log in to the mail server");
  if (taken.ok() || taken.error().code != ErrorCode::kSmtpRefused || reply_.forNow()) return taken;
  return Error{ErrorCode::kAuthentication, taken.error().message};
}

Status Smtp::login(const std::string& user, const std::string& password) {
  if (!stream_->secure())
    return Error{ErrorCode::kSmtpRefused, "a password does not go over a connection in the clear"};
  std::string methods;
  for (const std::string& line : offers_) {
    if (base::toLower(line).starts_with("auth")) methods += " " + base::toLower(line.substr(4)) + " ";
  }
  if (methods.find(" plain ") != std::string::npos) {
    std::string word = '\0' + user + '\0' + password;
    const std::string line = "AUTH PLAIN " + base::toBase64(word);
    crypto::wipe(word);
    return loginStep(line);
  }
  if (methods.find(" login ") == std::string::npos)
    return Error{ErrorCode::kAuthentication,
                 "the mail server takes no password (it offers:" + base::visible(methods) + ")"};
  BELAY_TRY(loginStep("AUTH LOGIN"));
  BELAY_TRY(loginStep(base::toBase64(user)));
  return loginStep(base::toBase64(password));
}

Status Smtp::address(const std::string& from, const std::vector<std::string>& recipients,
                     std::size_t size) {
  const std::string with = offers("SIZE") ? " SIZE=" + std::to_string(size) : "";
  BELAY_TRY(command("MAIL FROM:<" + from + ">" + with, "send as " + from));
  for (const std::string& to : recipients)
    BELAY_TRY(command("RCPT TO:<" + to + ">", "send to " + to));
  return {};
}

Status Smtp::content(std::string_view stuffed) {
  BELAY_TRY(command("DATA", "send the mail"));
  if (reply_.code != 354)
    return Error{ErrorCode::kSmtpRefused, "send the mail: " + reply_.str()};
  return more(stuffed);
}

Status Smtp::more(std::string_view stuffed) {
  while (!stuffed.empty()) {
    const std::string_view piece = stuffed.substr(0, kPieceBytes);
    BELAY_TRY(stream_->write(piece, soon()));
    stuffed.remove_prefix(piece.size());
  }
  return {};
}

Status Smtp::end() { return command(".", "send the mail"); }

void Smtp::quit() {
  static_cast<void>(command("QUIT", "leave"));
  stream_->close();
}

}  // namespace belay::tools
