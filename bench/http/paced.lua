-- POST /appointments at a steady rate. Arguments: the seed, then requests a second and thread.
dofile(debug.getinfo(1, "S").source:match("@(.*/)") .. "common.lua")

local ffi = require("ffi")
ffi.cdef [[
  typedef struct { long seconds; long nanoseconds; } instant;
  int clock_gettime(int clock, instant *now);
]]

local kMonotonic = 1
local instant = ffi.new("instant")
local interval_ms, next_ms

local function now_ms()
  ffi.C.clock_gettime(kMonotonic, instant)
  return tonumber(instant.seconds) * 1e3 + tonumber(instant.nanoseconds) / 1e6
end

wrk.headers["Content-Type"] = "application/json"

function init(args)
  seed_thread(args)
  interval_ms = 1e3 / tonumber(args[2])
end

-- Behind the plan, requests leave at once until it is met again.
function delay()
  local now = now_ms()
  next_ms = (next_ms or now) + interval_ms
  return math.max(0, math.floor(next_ms - now))
end

function request()
  return wrk.format("POST", "/appointments", nil, random_booking())
end
