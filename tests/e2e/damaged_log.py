"""A log with a wrong byte."""


def damage(folder):
    """Flips a bit in the stored bytes of an early event, wherever RocksDB keeps them."""
    for path in sorted((folder / "log").rglob("*")):
        if path.suffix in (".log", ".sst"):
            content = bytearray(path.read_bytes())
            at = content.find(b"scheduleId")
            if at >= 0:
                content[at] ^= 1
                path.write_bytes(content)
                return
    raise AssertionError("no stored event found: is the log compressed?")
