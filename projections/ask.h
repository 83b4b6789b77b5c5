// ask(): a question of a read model, answered from one view of it.
#pragma once

#include <type_traits>

#include "projections/live_projection.h"
#include "projections/read_store.h"

namespace citas::projections {

// What `answer` makes of a view of the store, or why there is no view.
template <typename Answer>
std::invoke_result_t<const Answer&, ReadView&> ask(const ReadStore& store, const Answer& answer) {
  const auto view = store.view();
  if (!view) return failure(view.error());
  return answer(**view);
}

// The same of the generation that serves. Errors besides: of LiveProjection::store(). Damage is
// told, and reads as its checked() says.
template <typename Answer>
std::invoke_result_t<const Answer&, ReadView&> ask(const LiveProjection& live,
                                                   const Answer& answer) {
  const auto store = live.store();
  if (!store) return failure(store.error());
  return live.checked(ask(**store, answer));
}

}  // namespace citas::projections
