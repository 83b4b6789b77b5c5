"""All suites, by name."""

import disk
import kill
import race

SUITES = {**kill.SUITES, **disk.SUITES, **race.SUITES}
