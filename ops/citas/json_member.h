// Members of JSON that somebody else wrote: each may be missing, or be of any type.
#pragma once

#include <string>
#include <type_traits>

namespace citas::ops {

// The member of that name, where `json` is an object and has one of the type of `otherwise`: a
// string, a boolean, an unsigned integer or a floating-point number. Never throws for its content.
template <typename Json, typename T>
T member_or(const Json& json, const char* name, T otherwise) {
  if (!json.is_object()) return otherwise;
  const auto found = json.find(name);
  if (found == json.end()) return otherwise;
  const bool is_such = std::is_same_v<T, std::string> ? found->is_string()
                       : std::is_same_v<T, bool>      ? found->is_boolean()
                       : std::is_floating_point_v<T>  ? found->is_number()
                                                      : found->is_number_unsigned();
  return is_such ? found->template get<T>() : otherwise;
}

template <typename Json>
std::string text_member(const Json& json, const char* name) {
  return member_or(json, name, std::string{});
}

}  // namespace citas::ops
