// URLs of NATS servers, as people may see them. Thread-safe.
#pragma once

#include <string>
#include <string_view>

namespace citas::workers {

// "nats://user:secret@host", or several separated by commas, with `mask` in the place of what is
// before each host.
std::string without_credentials(std::string_view urls, std::string_view mask);

}  // namespace citas::workers
