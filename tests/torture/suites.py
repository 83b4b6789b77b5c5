"""All suites, by name."""

import disk
import kill

SUITES = {**kill.SUITES, **disk.SUITES}
