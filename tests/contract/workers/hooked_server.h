// A nats-server whose starts a test can meddle with. Header-only.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>

namespace citas::testing {

// A program that runs the shell script <folder>/hook, if there is one, and then is nats-server.
inline std::string hooked_nats_server(const std::filesystem::path& folder) {
  namespace fs = std::filesystem;
  const fs::path program = folder / "hooked-nats-server";
  const std::string hook = (folder / "hook").string();
  std::ofstream(program) << "#!/bin/sh\nif [ -e '" << hook << "' ]; then . '" << hook
                         << "'; fi\nPATH=$PATH:/usr/sbin exec nats-server \"$@\"\n";
  fs::permissions(program, fs::perms::owner_all);
  return program.string();
}

inline void hook(const std::filesystem::path& folder, const std::string& script) {
  std::ofstream(folder / "hook.new") << script << '\n';
  std::filesystem::rename(folder / "hook.new", folder / "hook");
}

}  // namespace citas::testing
