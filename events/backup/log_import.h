// LogImport: the port through which a restore makes a log. What is written has another name until
// publish(), so that nobody takes half a log for a whole one.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "events/base/result.h"
#include "events/codec.h"
#include "events/event_log.h"

namespace citas::backup {

struct ImportedRecord {
  RecordView record;
  TenantId tenant;
  std::vector<Tag> tags;
};

// Adapter: events/rocksdb. One thread. Calls come in the order in which they stand here.
class LogImport {
 public:
  virtual ~LogImport() = default;

  // Begins anew, whatever an earlier run left. FailedPrecondition: there is a log in this place, or
  // another process is restoring one.
  virtual Status begin(const LogIdentity& log, Epoch epoch, std::string_view fingerprint_key) = 0;
  // Keeps the records exactly as they are, their epochs included.
  virtual Status add(std::span<const ImportedRecord> records) = 0;
  virtual Status add(std::span<const ListedResult> results) = 0;
  // Makes all of it durable, and opens it for reading.
  virtual Result<std::unique_ptr<EventLog>> finish(const Head& head, const Codec& codec) = 0;
  // Gives the log its name; the log that finish() returned must be closed. FailedPrecondition: in
  // the meantime, another one has come to this place.
  virtual Status publish() = 0;
};

}  // namespace citas::backup
