-- POST /appointments, each of its own slot.
dofile(debug.getinfo(1, "S").source:match("@(.*/)") .. "common.lua")

wrk.headers["Content-Type"] = "application/json"

function init(args)
  seed_thread(args)
end

function request()
  return wrk.format("POST", "/appointments", nil, random_booking())
end
