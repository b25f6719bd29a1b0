#pragma once

#include <memory>

#include "doors/rest/request_parser.h"
#include "doors/rest/stream.h"
#include "ops/events.h"

namespace muster::doors::rest {

/// Is this an upgrade request as RFC 6455 wants it? Error: bad_request.
Result<> check_upgrade(const RequestHead& head);

/// Serves a WebSocket on `stream`, whose upgrade request is `head`: a text frame per event, and
/// {"topic":"gap","data":{"lost":N}} for events that are missing. Ends when the client
/// closes, is silent for a minute (it is pinged), or the bus closes. What the client sends is read
/// and ignored. `stream` must outlive it.
asio::awaitable<void> run_websocket(Stream& stream, RequestHead head,
                                    std::unique_ptr<ops::Subscription> events);

}  // namespace muster::doors::rest
