// Whether this is a sanitizer's build. It is some ten times as slow, and is about how memory and
// threads are used: what is there in great number may be fewer.
#pragma once

namespace citas::testing {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

}  // namespace citas::testing
