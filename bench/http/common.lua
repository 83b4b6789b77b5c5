-- What the load scripts share. Arguments after "--": the seed, then what the script says.
local here = debug.getinfo(1, "S").source:match("@(.*/)")
dofile(here .. "report.lua")

local threads = 0

function setup(thread)
  threads = threads + 1
  thread:set("thread_number", threads)
end

-- Every thread draws its own numbers, the same ones for the same seed.
function seed_thread(args)
  math.randomseed(tonumber(args[1]) * 1000 + thread_number)
end

function random_insured()
  return string.format("%05d", math.random(0, 19999))
end

-- Of 2^50 slots, so that hardly two draws are alike.
function random_booking()
  return string.format('{"insuredId":"%s","scheduleId":%.0f,"countryISO":"%s"}', random_insured(),
    math.floor(math.random() * 2 ^ 50) + 1, math.random(2) == 1 and "PE" or "CL")
end
