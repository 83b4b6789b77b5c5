#include "ops/citas/doctor/server.h"

namespace citas::ops::doctor {

PortFacts look_at_port(const ListenAddress& listen, std::optional<pid_t> server) {
  PortFacts facts{.listen = listen, .taken = false, .by = {}, .server = server};
  for (const char* table : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    for (const ListeningSocket& socket : listening_in(read_text(table))) {
      if (!is_in_the_way(socket, listen)) continue;
      facts.taken = true;
      facts.by = owner_of_socket(socket.inode);
      return facts;
    }
  }
  return facts;
}

}  // namespace citas::ops::doctor
