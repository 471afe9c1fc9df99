#pragma once

#include "common/wire/Envelope.h"

namespace belay::api {

// The API answers in the one form that common/wire has.
using wire::Envelope;
using wire::errorToJson;
using wire::kEnvelopeSchema;
using wire::parseEnvelope;
using wire::printEnvelope;

}  // namespace belay::api
