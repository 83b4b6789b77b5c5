-- GET /appointments/{insuredId}, of 20,000 insureds.
dofile(debug.getinfo(1, "S").source:match("@(.*/)") .. "common.lua")

function init(args)
  seed_thread(args)
end

function request()
  return wrk.format("GET", "/appointments/" .. random_insured())
end
