// URLs of NATS servers, as people may see them. Thread-safe.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "events/base/result.h"

namespace citas::workers {

// "nats://user:secret@host", or several separated by commas, with `mask` in the place of what is
// before each host.
std::string without_credentials(std::string_view urls, std::string_view mask);

// Whether each is "nats://HOST:PORT" or "tls://…", since a mistyped word would else be taken for a
// host's name. InvalidArgument: names the first that is not, without its credentials.
Status check_server_urls(std::string_view urls);

// Of all servers named; NATS's own where none is.
std::set<std::uint16_t> ports_of(std::string_view urls);

}  // namespace citas::workers
