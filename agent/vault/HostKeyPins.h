#pragma once

#include <string>
#include <vector>

#include "common/base/Result.h"
#include "common/json/Value.h"

namespace belay::vault {

// The keys of SSH servers that connections pin: `host_keys`, each "TYPE BASE64".

/// What a server shows beside what its connection pins:
/// {host_keys: [{key, type, fingerprint, state}], pinned: [{type, fingerprint}], changed}.
/// `state` is pinned, new or changed. It has changed when it shows a type of key that is pinned with
/// another key, or none of those that are pinned: then nothing of what it shows is the server that
/// was meant, unless somebody who knows says so.
json::Value judgeHostKeys(const json::Value& definition, const std::vector<std::string>& shown);

/// The definition with these keys pinned: beside those that it pins already, or with `replace` in
/// place of them. Errors: kInvalidArgument for what is no key, kSshHostKey for one that contradicts
/// a pinned one, unless `replace`.
base::Result<json::Value> withHostKeys(const json::Value& definition,
                                       const std::vector<std::string>& keys, bool replace);

/// What such a contradiction means and what to do about it, for the connection `name`.
base::Error changedHostKey(const std::string& name, const json::Value& judged);

}  // namespace belay::vault
