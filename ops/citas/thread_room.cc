#include "ops/citas/thread_room.h"

#include <latch>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

namespace citas::ops {

Status check_thread_room(std::size_t threads) {
  Status enough;
  std::latch counted{1};
  std::vector<std::jthread> all;
  all.reserve(threads);
  try {
    while (all.size() < threads) all.emplace_back([&counted] { counted.wait(); });
  } catch (const std::system_error& error) {
    enough = failure(ErrorCode::kUnavailable,
                     "only " + std::to_string(all.size()) + " of " + std::to_string(threads) +
                         " threads can be started: " + error.code().message() +
                         "; raise the limit of processes and threads (ulimit -u, TasksMax=), or of "
                         "memory (ulimit -v)");
  }
  counted.count_down();
  return enough;
}

}  // namespace citas::ops
