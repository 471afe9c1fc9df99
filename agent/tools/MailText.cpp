#include "agent/tools/MailText.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>

#include "common/base/Text.h"
#include "common/base/Utf8.h"
#include "common/crypto/Sha256.h"

namespace belay::tools {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

constexpr std::size_t kAddressBytesMax = 254;
constexpr std::size_t kLineBytesMax = 76;
constexpr std::size_t kWordBytesMax = 39;  // Of the text of one encoded word: 52 in base64.

bool isControl(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }

bool isAscii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<signed char>(c) >= 0; });
}

Error wrong(std::string_view text, const char* why) {
  return Error{ErrorCode::kInvalidArgument,
               "the mail address \"" + base::visible(text.substr(0, 200)) + "\" " + why};
}

bool isLocalPart(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return c > ' ' && c != 0x7F && std::string_view("<>()[],;:\\\"@").find(c) == std::string_view::npos;
  });
}

bool isDomain(std::string_view text) {
  if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
  return !text.empty() && text.front() != '.' && text.back() != '.' &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '-' || c == '.' || c == ':';
         });
}

/// Text for a header: as it is where it is plain, else in encoded words, none of which splits a
/// character.
std::string encodedText(std::string_view text) {
  const bool plain = isAscii(text) && text.find("=?") == std::string_view::npos &&
                     text.size() < kLineBytesMax - 12;
  if (plain) return std::string(text);
  std::string out;
  while (!text.empty()) {
    std::string_view word = base::wholeCharacters(text, kWordBytesMax);
    if (word.empty()) word = text.substr(0, kWordBytesMax);  // No UTF-8.
    out += (out.empty() ? "" : "\r\n ") + ("=?utf-8?B?" + base::toBase64(word)) + "?=";
    text.remove_prefix(word.size());
  }
  return out;
}

std::string shownMailbox(const Mailbox& box) {
  if (box.name.empty()) return box.address;
  if (!isAscii(box.name) || box.name.find("=?") != std::string::npos || box.name.size() > 60)
    return encodedText(box.name) + "\r\n <" + box.address + ">";
  std::string out = "\"";
  for (const char c : box.name) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\" <" + box.address + ">";
}

std::string listOf(const char* header, const std::vector<Mailbox>& boxes) {
  std::string out;
  for (const Mailbox& box : boxes) out += (out.empty() ? "" : ",\r\n ") + shownMailbox(box);
  return out.empty() ? out : header + (": " + out) + "\r\n";
}

/// "Sun, 29 Nov 2026 09:25:00 +0000"
std::string dateOf(std::int64_t wallMs) {
  using namespace std::chrono;
  constexpr std::array<const char*, 7> kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array<const char*, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const sys_seconds at{floor<seconds>(milliseconds{wallMs})};
  const auto day = floor<days>(at);
  const year_month_day date{day};
  const hh_mm_ss time{at - day};
  std::array<char, 64> out;
  std::snprintf(out.data(), out.size(), "%s, %02u %s %04d %02d:%02d:%02d +0000",
                kDays[weekday{day}.c_encoding()], static_cast<unsigned>(date.day()),
                kMonths[static_cast<unsigned>(date.month()) - 1], static_cast<int>(date.year()),
                static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
                static_cast<int>(time.seconds().count()));
  return out.data();
}

/// Quoted-printable: readable where it is ASCII, and nothing that a server on the way may change.
std::string quotedPrintable(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  std::size_t column = 0;
  const auto put = [&](std::string_view piece) {
    if (column + piece.size() > kLineBytesMax - 1) {
      out += "=\r\n";
      column = 0;
    }
    out += piece;
    column += piece.size();
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\r' && i + 1 < text.size() && text[i + 1] == '\n') continue;
    if (c == '\n') {
      out += "\r\n";
      column = 0;
      continue;
    }
    const bool blankAtEnd = (c == ' ' || c == '\t') &&
                            (i + 1 == text.size() || text[i + 1] == '\n' || text[i + 1] == '\r');
    const bool plain = ((c > ' ' && c < 0x7F && c != '=') || c == ' ' || c == '\t') && !blankAtEnd;
    if (plain) {
      put({&c, 1});
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    const std::array<char, 3> escaped{'=', kDigits[byte >> 4], kDigits[byte & 15]};
    put({escaped.data(), escaped.size()});
  }
  return out;
}

std::string part(const char* type, std::string_view text) {
  return "Content-Type: " + std::string(type) +
         "; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" +
         quotedPrintable(text);
}

/// Of what stands between: neither quoted-printable nor base64 can hold "=_".
std::string boundaryOf(const Mail& mail, std::string_view use) {
  return "=_" + crypto::sha256(mail.id + '\0' + std::string(use)).hex().substr(0, 40);
}

/// The texts of the mail, with the headers that say what they are.
std::string textsOf(const Mail& mail) {
  if (mail.html.empty()) return part("text/plain", mail.text);
  const std::string boundary = boundaryOf(mail, "texts");
  // The line break in front of a boundary is the boundary's, and no part of the text.
  return "Content-Type: multipart/alternative; boundary=\"" + boundary + "\"\r\n\r\n--" + boundary +
         "\r\n" + part("text/plain", mail.text) + "\r\n--" + boundary + "\r\n" +
         part("text/html", mail.html) + "\r\n--" + boundary + "--";
}

bool isTypeChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("!#$&-^_.+").find(c) != std::string_view::npos;
}

/// `filename="report.pdf"`, or by RFC 2231 where that would not do.
std::string filenameOf(std::string_view name) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  const bool plain = isAscii(name) && name.size() <= 50 &&
                     name.find_first_of("\"\\") == std::string_view::npos;
  if (plain) return "filename=\"" + std::string(name) + "\"";
  std::string out = "filename*=UTF-8''";
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (isTypeChar(c))
      out += c;
    else
      out.append({'%', kDigits[byte >> 4], kDigits[byte & 15]});
  }
  return out;
}

}  // namespace

Result<Mailbox> parseMailbox(std::string_view text) {
  if (std::any_of(text.begin(), text.end(), isControl) || !base::isUtf8(text))
    return wrong(text, "has a line break or control character");
  Mailbox out;
  std::string_view address = base::trim(text);
  if (address.ends_with('>')) {
    const std::size_t open = address.rfind('<');
    if (open == std::string_view::npos) return wrong(text, "is not of the form Name <name@host>");
    std::string_view name = base::trim(address.substr(0, open));
    if (name.size() >= 2 && name.front() == '"' && name.back() == '"')
      name = name.substr(1, name.size() - 2);
    if (name.size() > 200) return wrong(text, "has a name of more than 200 bytes");
    out.name = name;
    address = address.substr(open + 1, address.size() - open - 2);
  }
  if (!isAscii(address)) return wrong(text, "is not ASCII");
  const std::size_t at = address.rfind('@');
  if (at == std::string_view::npos || address.size() > kAddressBytesMax ||
      !isLocalPart(address.substr(0, at)) || !isDomain(address.substr(at + 1)))
    return wrong(text, "is not of the form name@host");
  out.address = address;
  return out;
}

Result<std::string> printMail(const Mail& mail) {
  for (const std::string* line : {&mail.subject, &mail.origin}) {
    if (std::any_of(line->begin(), line->end(), isControl))
      return Error{ErrorCode::kInvalidArgument,
                   "the subject of the mail has a line break or control character"};
  }
  std::string out = listOf("From", {mail.from}) + listOf("To", mail.to) + listOf("Cc", mail.cc) +
                    listOf("Reply-To", mail.replyTo) + "Subject: " + encodedText(mail.subject) +
                    "\r\nDate: " + dateOf(mail.wallMs) + "\r\nMessage-ID: <" + mail.id +
                    ">\r\nMIME-Version: 1.0\r\nAuto-Submitted: auto-generated\r\nX-Belay-Origin: " +
                    encodedText(mail.origin) + "\r\n";
  if (mail.attachments.empty()) return out + textsOf(mail) + "\r\n";
  const std::string boundary = boundaryOf(mail, "mixed");
  out += "Content-Type: multipart/mixed; boundary=\"" + boundary + "\"\r\n";
  return out + "\r\n--" + boundary + "\r\n" + textsOf(mail);
}

std::string attachmentHead(const Mail& mail, const Attachment& attachment) {
  return "\r\n--" + boundaryOf(mail, "mixed") + "\r\nContent-Type: " + attachment.type +
         "\r\nContent-Disposition: attachment;\r\n " + filenameOf(attachment.name) +
         "\r\nContent-Transfer-Encoding: base64\r\n\r\n";
}

std::string mailEnd(const Mail& mail) { return "\r\n--" + boundaryOf(mail, "mixed") + "--\r\n"; }

std::string encodedLines(std::string_view content) {
  std::string out;
  out.reserve(static_cast<std::size_t>(encodedSize(content.size())));
  for (; !content.empty(); content.remove_prefix(std::min(content.size(), kEncodedLineBytes)))
    out += base::toBase64(content.substr(0, kEncodedLineBytes)) + "\r\n";
  return out;
}

std::uint64_t encodedSize(std::uint64_t bytes) {
  return (bytes + 2) / 3 * 4 + (bytes + kEncodedLineBytes - 1) / kEncodedLineBytes * 2;
}

Status checkAttachment(const Attachment& attachment) {
  const auto wrongName = [&](const char* why) {
    return Error{ErrorCode::kInvalidArgument, "the name of the attachment \"" +
                                                  base::visible(attachment.name.substr(0, 200)) +
                                                  "\" " + why};
  };
  if (attachment.name.empty() || attachment.name.size() > 255)
    return wrongName("must have 1 to 255 bytes");
  if (!base::isUtf8(attachment.name) ||
      std::any_of(attachment.name.begin(), attachment.name.end(), isControl))
    return wrongName("has a line break or control character");
  const std::string& type = attachment.type;
  const std::size_t slash = type.find('/');
  const auto good = [](std::string_view half) {
    return !half.empty() && half.size() <= 100 && std::all_of(half.begin(), half.end(), isTypeChar);
  };
  std::string whole = type;  // Media types know no case.
  std::transform(whole.begin(), whole.end(), whole.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  if (slash != std::string::npos && good(std::string_view(type).substr(0, slash)) && good(std::string_view(type).substr(slash + 1)) &&
      !whole.starts_with("multipart/") && !whole.starts_with("message/"))
    return {};
  return Error{ErrorCode::kInvalidArgument,
               "\"" + base::visible(type.substr(0, 200)) + "\" is no media type of an attachment",
               {"content_type: application/octet-stream"}};
}

std::string stuffDots(std::string_view message) {
  std::string out;
  bool lineBegins = true;
  for (const char c : message) {
    if (lineBegins && c == '.') out += '.';
    out += c;
    lineBegins = c == '\n';
  }
  return out;
}

}  // namespace belay::tools
