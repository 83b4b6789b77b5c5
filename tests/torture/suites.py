"""All suites, by name."""

import backup
import bus
import bus_rot
import canaries
import clock
import disk
import full
import kill
import poison
import race
import recovery
import replay
import simulation
import soak

SUITES = {
    **kill.SUITES,
    **recovery.SUITES,
    **disk.SUITES,
    **race.SUITES,
    **bus.SUITES,
    **bus_rot.SUITES,
    **clock.SUITES,
    **full.SUITES,
    **replay.SUITES,
    **backup.SUITES,
    **poison.SUITES,
    **simulation.SUITES,
    **canaries.SUITES,
    **soak.SUITES,
}
