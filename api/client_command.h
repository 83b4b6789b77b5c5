// What the routes that write have in common: from a call to a command, and from its outcome back.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "api/problems.h"
#include "api/router.h"
#include "commands/command.h"

namespace citas::api {

// A command of whoever calls. `key` is their Idempotency-Key; `route` and `resource` scope it, and
// so are part of what is stored for ever.
commands::Command client_command(const Call& call, commands::CommandData data,
                                 const std::optional<std::string>& key, std::string_view route,
                                 std::string_view resource);

// The problem of a body that is not JSON by its header; nullopt when it is.
std::optional<Problem> refuse_media_type(const http::Request& request);

Problem problem_of(const commands::Refusal& refusal);
// Citas-Position and Idempotent-Replayed.
void describe_write(http::Response& response, const commands::Accepted& accepted);

}  // namespace citas::api
