#include "agent/Machine.h"

#include "common/base/Files.h"
#include "common/crypto/Sha256.h"

namespace belay {

namespace {

constexpr std::size_t kBytesMax = 64u << 10;

}  // namespace

runtime::MachineFacts readMachine(const std::vector<std::string>& files) {
  runtime::MachineFacts facts;
  for (const std::string& file : files) {
    const auto text = base::readFile(file, kBytesMax);
    if (text && !text->empty()) facts[file] = crypto::sha256(*text).hex();
  }
  return facts;
}

}  // namespace belay
