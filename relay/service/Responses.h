#pragma once

#include "common/base/Result.h"
#include "common/http/Handler.h"
#include "common/json/Value.h"

namespace belay::service {

// Answers in the one envelope. Threads: any.

http::ServerResponse okResponse(json::Value data, int status = 200);
/// With Retry-After where it helps to try again.
http::ServerResponse errorResponse(int status, const base::Error& error, json::Value data = {});
http::ServerResponse errorResponse(const base::Error& error);
/// {"messages":[{"seq","kind","at","body"}]} of texts that are JSON already.
http::ServerResponse rawResponse(std::string dataJson);

}  // namespace belay::service
