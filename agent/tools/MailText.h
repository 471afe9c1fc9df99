#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/Result.h"

namespace belay::tools {

/// One address of a mail: "name@example.com" or "Name <name@example.com>".
struct Mailbox {
  std::string name;     ///< UTF-8; may be empty.
  std::string address;  ///< ASCII, without brackets.
};
/// Errors: kInvalidArgument for what is no such address, for line breaks and control characters,
/// and for addresses that are not ASCII.
base::Result<Mailbox> parseMailbox(std::string_view text);

/// A file that goes with a mail; its content is not here.
struct Attachment {
  std::string name;  ///< UTF-8, one line.
  std::string type;  ///< "application/pdf"
};

/// A mail as its sender writes it.
struct Mail {
  Mailbox from;
  std::vector<Mailbox> to;
  std::vector<Mailbox> cc;
  std::vector<Mailbox> replyTo;
  std::string subject;  ///< UTF-8, one line.
  std::string text;     ///< UTF-8.
  std::string html;     ///< UTF-8; empty: the mail is plain.
  std::vector<Attachment> attachments;
  std::string id;       ///< Of the message, without brackets: letters, digits, "-", "." and one "@".
  std::string origin;   ///< Run and step, one line.
  std::int64_t wallMs = 0;
};

/// The mail by RFC 5322 and MIME, with CRLF, lines of at most 78 characters, and nothing but ASCII.
/// With attachments it is the beginning: attachmentHead() and the content in lines of base64 follow
/// for each of them, then mailEnd().
/// Errors: kInvalidArgument for a subject with line breaks or control characters.
base::Result<std::string> printMail(const Mail& mail);
std::string attachmentHead(const Mail& mail, const Attachment& attachment);
std::string mailEnd(const Mail& mail);

/// Lines of base64 hold so many bytes of the content, the last one the rest.
inline constexpr std::size_t kEncodedLineBytes = 57;
/// Whole lines, but for the end of the content; none begins with a dot.
std::string encodedLines(std::string_view content);
/// Bytes that encodedLines() makes of so many.
std::uint64_t encodedSize(std::uint64_t bytes);

/// Errors: kInvalidArgument for a name with line breaks or control characters, and for a type that
/// is none, or whose content may not be in base64 (multipart, message).
base::Status checkAttachment(const Attachment& attachment);

/// The same as DATA wants it: lines that begin with a dot have two.
std::string stuffDots(std::string_view message);

}  // namespace belay::tools
