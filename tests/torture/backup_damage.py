"""Ways in which a stored backup gets damaged."""

import hashlib
import json


def flip_a_bit(random, file):
    content = bytearray(file.read_bytes())
    at = random.randrange(len(content))
    content[at] ^= 1 << random.randrange(8)
    file.write_bytes(content)


def cut_short(random, file):
    content = file.read_bytes()
    file.write_bytes(content[: random.randrange(len(content))])


def grow(random, file):
    with file.open("ab") as end:
        end.write(random.randbytes(random.randint(1, 100)))


def zero_a_part(random, file):
    content = bytearray(file.read_bytes())
    first = random.randrange(len(content))
    content[first : first + 512] = bytes(len(content[first : first + 512]))
    file.write_bytes(content)


def delete(_, file):
    file.unlink()


CHANGES = {
    "a bit flipped": flip_a_bit,
    "cut short": cut_short,
    "grown": grow,
    "partly zero": zero_a_part,
    "missing": delete,
}


def files_of(backups, backup):
    """The manifest of a backup, and its segments, some of which lie with earlier backups."""
    manifest = backups / backup / "manifest.json"
    named = json.loads(manifest.read_text())["backup"]["segments"]
    return manifest, [backups / segment["file"] for segment in named]


def damage_one_file(random, backups, backup):
    """What one file of the backup has suffered, and which."""
    manifest, segments = files_of(backups, backup)
    if len(segments) > 1 and random.random() < 0.2:
        one, other = random.sample(segments, 2)
        content = one.read_bytes()
        one.write_bytes(other.read_bytes())
        other.write_bytes(content)
        return "segments exchanged", f"{one.name} and {other.name}"
    file = random.choice([manifest, random.choice(segments)])
    kind = random.choice(list(CHANGES))
    before = file.read_bytes()
    CHANGES[kind](random, file)
    if file.exists() and file.read_bytes() == before:  # zeros were zero
        flip_a_bit(random, file)
    which = "manifest" if file == manifest else "segment"
    return f"{which} {kind}", str(file.relative_to(backups))


def skip_last_segment(folder):
    """The canary: a backup that lacks its last piece, and knows nothing of it."""
    manifest = folder / "manifest.json"
    backup = json.loads(manifest.read_text())["backup"]
    assert len(backup["segments"]) > 1, "there is nothing to skip"
    del backup["segments"][-1]
    text = json.dumps(backup, separators=(",", ":"))
    digest = hashlib.sha256(text.encode()).hexdigest()
    # To the last byte as the program writes it: else that is noticed, and not what is missing.
    manifest.write_text(f'{{"sha256":"{digest}","backup":{text}}}\n')
