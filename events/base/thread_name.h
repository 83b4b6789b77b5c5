// Thread names, as `top -H`, `perf` and core dumps show them.
#pragma once

#include <pthread.h>

#include <string>
#include <string_view>

namespace citas {

// Linux keeps 15 characters.
inline void name_this_thread(std::string_view name) {
  pthread_setname_np(pthread_self(), std::string(name.substr(0, 15)).c_str());
}

}  // namespace citas
