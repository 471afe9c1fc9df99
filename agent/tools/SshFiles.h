#pragma once

#include <libssh/sftp.h>

#include <cstdint>
#include <memory>
#include <string>

#include "agent/tools/SshLink.h"

namespace belay::tools {

/// The files of a server, over SFTP.
///
/// Threads:   owner.
/// Ownership: the session must outlive it.
/// Errors:    kSftp with the server's reason, kConnect, kLimit, kIo for our own files.
class SshFiles {
 public:
  static base::Result<SshFiles> open(ssh_session session);

  /// Puts a local file to an absolute path: under another name first, so that whoever looks there
  /// sees the old content or all of the new. `mark` makes that name our own.
  base::Status put(const std::string& local, const std::string& to, unsigned mode,
                   const std::string& mark);
  /// Gets a regular file of at most `bytesMax` into a new local one; gives its size.
  base::Result<std::uint64_t> get(const std::string& from, const std::string& local,
                                  std::uint64_t bytesMax);

 private:
  using Sftp = std::unique_ptr<sftp_session_struct, base::FreeWith<&sftp_free>>;
  SshFiles(ssh_session session, Sftp sftp) : session_(session), sftp_(std::move(sftp)) {}
  base::Error failed(const std::string& what) const;
  base::Status send(int local, sftp_file file, const std::string& to);

  ssh_session session_;
  Sftp sftp_;
};

}  // namespace belay::tools
