#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace belay::wire {

// What host and relay agree on: docs/format/link.md.

/// Kinds of messages to a host.
inline constexpr std::string_view kCallback = "callback";
inline constexpr std::string_view kWebhook = "webhook";
inline constexpr std::string_view kPin = "pin";
inline constexpr std::string_view kRelease = "release";
inline constexpr std::string_view kDecision = "decision";
inline constexpr std::string_view kRoster = "roster";
inline constexpr std::string_view kCard = "card";
inline constexpr std::string_view kStart = "start";
/// Kinds of messages from a host.
inline constexpr std::string_view kCallbackOpen = "callback_open";
inline constexpr std::string_view kCallbackClosed = "callback_closed";
inline constexpr std::string_view kHooks = "hooks";
inline constexpr std::string_view kRequest = "request";
inline constexpr std::string_view kReceipt = "receipt";
inline constexpr std::string_view kOffer = "offer";
inline constexpr std::string_view kStartReceipt = "start_receipt";

/// Of a delivery or a callback, before it is written as base64.
inline constexpr std::size_t kDeliveryBytesMax = 1u << 20;
/// Of one message.
inline constexpr std::size_t kMessageBytesMax = 2u << 20;
/// Of the messages of one answer or request; one message always fits.
inline constexpr std::size_t kBatchBytesMax = 4u << 20;
inline constexpr std::size_t kBatchMessagesMax = 256;
/// Of a part of an artifact, sealed.
inline constexpr std::size_t kBlobPartBytesMax = 1u << 20;
inline constexpr std::int64_t kBlobPartsMax = 512;
/// Numbers of messages stay exact in JSON.
inline constexpr std::int64_t kSequenceMax = std::int64_t{1} << 52;
/// Longest wait of a poll.
inline constexpr std::int64_t kPollSecondsMax = 300;
/// Bytes of a host's label, and of the name of a hook ("flow.name").
inline constexpr std::size_t kLabelBytesMax = 128;
inline constexpr std::size_t kHookBytesMax = 200;
inline constexpr std::size_t kHooksMax = 1'000;

}  // namespace belay::wire
