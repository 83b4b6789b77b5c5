// Strong<Tag, T>: a value that does not mix with other values of the same representation.
#pragma once

#include <compare>
#include <functional>
#include <utility>

namespace citas {

template <typename Tag, typename T>
class Strong {
 public:
  using Value = T;

  constexpr Strong() = default;
  constexpr explicit Strong(T value) : value_(std::move(value)) {}

  constexpr const T& value() const { return value_; }
  friend constexpr auto operator<=>(const Strong&, const Strong&) = default;
  friend constexpr bool operator==(const Strong&, const Strong&) = default;

 private:
  T value_{};
};

}  // namespace citas

template <typename Tag, typename T>
struct std::hash<citas::Strong<Tag, T>> {
  std::size_t operator()(const citas::Strong<Tag, T>& strong) const {
    return std::hash<T>{}(strong.value());
  }
};
