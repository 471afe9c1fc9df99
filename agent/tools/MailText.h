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

/// A mail as its sender writes it.
struct Mail {
  Mailbox from;
  std::vector<Mailbox> to;
  std::vector<Mailbox> cc;
  std::vector<Mailbox> replyTo;
  std::string subject;  ///< UTF-8, one line.
  std::string text;     ///< UTF-8.
  std::string html;     ///< UTF-8; empty: the mail is plain.
  std::string id;       ///< Of the message, without brackets: letters, digits, "-", "." and one "@".
  std::string origin;   ///< Run and step, one line.
  std::int64_t wallMs = 0;
};

/// The mail by RFC 5322 and MIME, with CRLF, lines of at most 78 characters, and nothing but ASCII.
/// Errors: kInvalidArgument for a subject with line breaks or control characters.
base::Result<std::string> printMail(const Mail& mail);

/// The same as DATA wants it: lines that begin with a dot have two.
std::string stuffDots(std::string_view message);

}  // namespace belay::tools
