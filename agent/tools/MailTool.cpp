#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "agent/tools/Confine.h"
#include "agent/tools/MailText.h"
#include "agent/tools/Smtp.h"
#include "agent/tools/Tool.h"
#include "agent/tools/ToolIo.h"
#include "common/base/Files.h"
#include "common/base/Text.h"
#include "common/base/UniqueFd.h"
#include "common/http/Connector.h"
#include "common/http/Resolver.h"

namespace belay::tools {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

constexpr std::int64_t kConnectMs = 20'000;
constexpr std::size_t kPieceBytes = 1000 * kEncodedLineBytes;
constexpr std::int64_t kWholeMs = 5 * 60'000;

std::string helloOf(const json::Value& connection) {
  std::array<char, 256> name{};
  static_cast<void>(::gethostname(name.data(), name.size() - 1));
  std::string out = connection.text("hello", name.data());
  const bool fits = !out.empty() && out.find_first_not_of("abcdefghijklmnopqrstuvwxyz"
                                                          "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                                          "0123456789.-") == std::string::npos;
  return fits ? out : "localhost";
}

/// One mail, from the connection to the server's word that it has it.
class MailWork {
 public:
  MailWork(const json::Value& request, Exit& exit, const base::EnvironmentLookup& environment)
      : request_(request),
        connection_(request.find("connection") ? *request.find("connection") : none_),
        exit_(exit),
        environment_(environment),
        host_(connection_.text("host")),
        mode_(connection_.text("tls", "starttls")),
        port_(static_cast<std::uint16_t>(connection_.integer(
            "port", mode_ == "implicit" ? 465 : mode_ == "none" ? 25 : 587))) {}

  ToolEnd run() {
    ToolEnd end;
    const Status sent = request_.text("probe").empty() ? all() : tryOut();
    end.output = std::move(output_);
    end.effect = effect_;
    if (sent.ok()) return end;
    end.error = sent.error();
    if (end.error->code == ErrorCode::kTimeout) {
      end.error->code = ErrorCode::kConnect;
      end.failureClass = "timeout";
    }
    if (smtp_ && end.error->code == ErrorCode::kSmtpRefused && smtp_->lastReply().forNow())
      end.failureClass = "unavailable";
    return end;
  }

 private:
  Status all() {
    BELAY_ASSIGN(const std::string message, printed());
    const std::string stuffed = stuffDots(message);
    BELAY_ASSIGN(const std::uint64_t more, openAttachments());
    BELAY_TRY(connect());
    BELAY_TRY(introduce());
    BELAY_TRY(smtp_->address(mail_.from.address, recipients_, message.size() + more));
    BELAY_TRY(smtp_->content(stuffed));
    for (std::size_t i = 0; i < files_.size(); ++i) BELAY_TRY(sendAttachment(i));
    if (!files_.empty()) BELAY_TRY(smtp_->more(mailEnd(mail_)));
    // Without its end no server delivers it (RFC 5321, 4.1.1.4).
    exit_.act(std::chrono::milliseconds{request_.integer("grace_ms", 5000)});
    effect_ = Effect::kUnknown;
    const Status taken = smtp_->end();
    if (!taken.ok() && taken.error().code == ErrorCode::kSmtpRefused) effect_ = Effect::kNone;
    BELAY_TRY(taken);
    effect_ = Effect::kDone;
    output_.set("delivery_id", mail_.id).set("reply", smtp_->lastReply().str());
    output_.set("recipients", static_cast<std::int64_t>(recipients_.size()));
    smtp_->quit();
    return {};
  }

  /// All up to the first command that a mail would begin with.
  Status tryOut() {
    BELAY_TRY(connect());
    BELAY_TRY(introduce());
    const bool login = connection_.find("password") != nullptr;
    output_.set("detail", host_ + ":" + std::to_string(port_) + " greets" +
                              (mode_ == "none" ? " without TLS" : " by TLS (" + mode_ + ")") +
                              (login ? " and accepts " + connection_.text("user") : ""));
    output_.set("tls", mode_ != "none").set("login", login);
    smtp_->quit();
    return {};
  }

  Result<std::vector<Mailbox>> boxes(std::string_view name) {
    std::vector<Mailbox> out;
    for (const std::string& text : textsOf(request_, name)) {
      BELAY_ASSIGN(Mailbox box, parseMailbox(text));
      if (name != "reply_to") recipients_.push_back(box.address);
      out.push_back(std::move(box));
    }
    return out;
  }

  /// Before it hears anything. Bytes that they and what is around them will have.
  Result<std::uint64_t> openAttachments() {
    std::uint64_t bytes = mail_.attachments.empty() ? 0 : mailEnd(mail_).size();
    for (std::size_t i = 0; i < mail_.attachments.size(); ++i) {
      const std::string path = request_.text("folder") + "/put-" + std::to_string(i);
      BELAY_ASSIGN(base::UniqueFd fd, base::openForReading(path));
      struct stat info {};
      if (::fstat(fd.get(), &info) != 0) return base::errnoError(errno, "look at " + path);
      bytes += attachmentHead(mail_, mail_.attachments[i]).size() +
               encodedSize(static_cast<std::uint64_t>(info.st_size));
      files_.push_back(std::move(fd));
    }
    return bytes;
  }

  Status sendAttachment(std::size_t number) {
    BELAY_TRY(smtp_->more(attachmentHead(mail_, mail_.attachments[number])));
    std::string buffer;
    for (bool atEnd = false; !atEnd;) {
      const std::size_t had = buffer.size();
      buffer.resize(kPieceBytes);
      const ssize_t got = ::read(files_[number].get(), buffer.data() + had, kPieceBytes - had);
      if (got < 0 && errno != EINTR) return base::errnoError(errno, "read an attachment");
      buffer.resize(had + (got > 0 ? static_cast<std::size_t>(got) : 0));
      atEnd = got == 0;
      const std::size_t whole = buffer.size() - (atEnd ? 0 : buffer.size() % kEncodedLineBytes);
      BELAY_TRY(smtp_->more(encodedLines(std::string_view(buffer).substr(0, whole))));
      buffer.erase(0, whole);
    }
    return {};
  }

  Result<std::string> printed() {
    BELAY_ASSIGN(mail_.from, parseMailbox(connection_.text("from")));
    BELAY_ASSIGN(mail_.to, boxes("to"));
    BELAY_ASSIGN(mail_.cc, boxes("cc"));
    BELAY_ASSIGN(const std::vector<Mailbox> hidden, boxes("bcc"));
    BELAY_ASSIGN(mail_.replyTo, boxes("reply_to"));
    mail_.subject = request_.text("subject");
    mail_.text = request_.text("text");
    mail_.html = request_.text("html");
    if (const json::Value* attachments = request_.find("attachments")) {
      for (const json::Value& each : attachments->asArray())
        mail_.attachments.push_back({each.text("name"), each.text("type")});
    }
    // The same over attempts, so that who gets it twice can see that.
    const std::string& from = mail_.from.address;
    mail_.id = "belay." + request_.text("idempotency_key") + from.substr(from.rfind('@'));
    mail_.origin = request_.text("run") + " " + request_.text("step");
    mail_.wallMs = request_.integer("now_ms");
    return printMail(mail_);
  }

  Status connect() {
    const tls::Deadline deadline(
        clock_, std::chrono::milliseconds{request_.integer("connect_timeout_ms", kConnectMs)},
        nullptr);
    // What it reads from the host's files it reads before it hears anything.
    if (mode_ != "none") {
      tls::TlsClientOptions options;
      options.caFile = connection_.text("ca_file");
      options.environment = environment_;
      BELAY_ASSIGN(tls_, tls::TlsClientConfig::create(options));
    }
    http::SystemResolver resolver;
    BELAY_ASSIGN(const std::vector<http::Address> addresses,
                 resolver.resolve(host_, port_, deadline));
    BELAY_ASSIGN(std::unique_ptr<tls::Stream> stream,
                 http::connectTcp(host_ + ":" + std::to_string(port_), addresses, {}, deadline));
    BELAY_TRY(confine({}));
    smtp_ = std::make_unique<Smtp>(std::move(stream), clock_);
    return {};
  }

  Status introduce() {
    const std::string hello = helloOf(connection_);
    if (mode_ == "implicit") BELAY_TRY(smtp_->secure(tls_, host_, port_));
    BELAY_TRY(smtp_->greet(hello));
    if (mode_ == "starttls") BELAY_TRY(smtp_->startTls(tls_, host_, port_, hello));
    if (!connection_.find("password")) return {};
    return smtp_->login(connection_.text("user"), connection_.text("password"));
  }

  const json::Value none_;
  const json::Value& request_;
  const json::Value& connection_;
  Exit& exit_;
  const base::EnvironmentLookup& environment_;
  const std::string host_;
  const std::string mode_;
  const std::uint16_t port_;
  const base::PosixClock clock_;
  Mail mail_;
  std::vector<std::string> recipients_;
  std::vector<base::UniqueFd> files_;  // Of mail_.attachments.
  std::shared_ptr<tls::TlsClientConfig> tls_;  // With the session of TLS.
  std::unique_ptr<Smtp> smtp_;
  json::Value output_{json::Object{}};
  Effect effect_ = Effect::kNone;
};

}  // namespace

void runMail(const json::Value& request, Exit& exit, const base::EnvironmentLookup& environment) {
  const bool probe = !request.text("probe").empty();
  const std::int64_t whole =
      probe ? request.integer("connect_timeout_ms", kConnectMs) : request.integer("timeout_ms");
  exit.bound(std::chrono::milliseconds{whole > 0 ? whole : kWholeMs},
             probe ? "the mail server did not answer in time"
                   : "the mail server did not take the mail in time");
  exit.finish(MailWork(request, exit, environment).run());
}

}  // namespace belay::tools
