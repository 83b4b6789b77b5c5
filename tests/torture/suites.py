"""All suites, by name."""

import bus
import clock
import disk
import kill
import race
import soak

SUITES = {
    **kill.SUITES,
    **disk.SUITES,
    **race.SUITES,
    **bus.SUITES,
    **clock.SUITES,
    **soak.SUITES,
}
