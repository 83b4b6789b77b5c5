// LogIdentity: which log this is. Random at its creation, so that no two logs are ever confused.
#pragma once

#include <string>

#include "events/base/sha256.h"
#include "events/ids.h"

namespace citas {

struct LogIdentity {
  LogId id;
  std::string partition = "main";  // the set of countries that this log holds

  // CloudEvents source of its events: "citas/<logId>/<partition>".
  std::string source() const { return "citas/" + id.value().to_string() + "/" + partition; }
  // What the hash chain starts from: SHA-256(logId in canonical text ‖ partition).
  Sha256 genesis() const { return sha256({id.value().to_string(), partition}); }

  friend bool operator==(const LogIdentity&, const LogIdentity&) = default;
};

}  // namespace citas
