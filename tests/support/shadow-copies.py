"""Reads every shadow copy of an NTFS volume with libvshadow, twice: as the image is, and with a pattern over the ranges that were
dropped. Prints one JSON line a copy: how many clusters of its own files were read, and how many of them differ.

    shadow-copies.py IMAGE VOLUME_START VOLUME_LENGTH DROPPED.json

DROPPED.json: sorted [start, length] pairs, bytes of the volume.
"""
import bisect
import json
import struct
import sys

import pyvshadow

PATTERN = 0x5A


class Volume:
    """A part of an image as a file, with the pattern over `dropped`."""

    def __init__(self, path, start, length, dropped):
        self.file = open(path, "rb")
        self.start, self.length, self.position = start, length, 0
        self.dropped, self.starts = dropped, [begin for begin, _ in dropped]

    def read(self, size=None):
        size = max(0, min(size, self.length - self.position))
        self.file.seek(self.start + self.position)
        piece = bytearray(self.file.read(size))
        at = max(0, bisect.bisect_right(self.starts, self.position) - 1)
        while at < len(self.dropped) and self.dropped[at][0] < self.position + size:
            begin = max(0, self.dropped[at][0] - self.position)
            end = min(size, sum(self.dropped[at]) - self.position)
            if begin < end:
                piece[begin:end] = bytes([PATTERN]) * (end - begin)
            at += 1
        self.position += size
        return bytes(piece)

    def seek(self, offset, whence=0):
        self.position = offset + (0, self.position, self.length)[whence]

    def tell(self):
        return self.position

    def get_size(self):
        return self.length


def read_at(store, offset, size):
    store.seek(offset)
    parts = []
    while size > 0:
        part = store.read(size)
        if not part:
            raise ValueError("a shadow copy ends too early")
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def attributes(record):
    """Type and bytes of the attributes of a file record."""
    place = struct.unpack_from("<H", record, 20)[0]
    while place + 8 <= len(record):
        kind, size = struct.unpack_from("<II", record, place)
        if kind == 0xFFFFFFFF or size == 0:
            return
        yield kind, record[place : place + size]
        place += size


def runs_of(record):
    """The runs of the unnamed content in a file record."""
    runs = []
    for kind, body in attributes(record):
        if kind != 0x80 or body[9] != 0 or body[8] == 0:
            continue
        at, lcn = struct.unpack_from("<H", body, 32)[0], 0
        while body[at]:
            low, high = body[at] & 15, body[at] >> 4
            count = int.from_bytes(body[at + 1 : at + 1 + low], "little")
            lcn += int.from_bytes(body[at + 1 + low : at + 1 + low + high], "little", signed=True)
            runs.append((lcn, count))
            at += 1 + low + high
    return runs


def without_fixups(record):
    record = bytearray(record)
    array = struct.unpack_from("<H", record, 4)[0]
    for stride in range(1, len(record) // 512 + 1):
        record[512 * stride - 2 : 512 * stride] = record[array + 2 * stride : array + 2 * stride + 2]
    return record


def is_store(record):
    """Files that hold shadow copies: a copy has them, but not their content."""
    name = "{3808876b-c176-4e48-b7ae-04046e6cc752}".encode("utf-16-le")
    return any(kind == 0x30 and name in body.lower() for kind, body in attributes(record))


def allocated(store):
    """Cluster size, and the clusters that the copy's own $Bitmap calls used, less those of the stores in it."""
    boot = read_at(store, 0, 512)
    cluster = struct.unpack_from("<H", boot, 11)[0] * boot[13]
    total = struct.unpack_from("<Q", boot, 40)[0] // boot[13]
    content = lambda record: b"".join(read_at(store, lcn * cluster, count * cluster) for lcn, count in runs_of(record))
    table = content(without_fixups(read_at(store, struct.unpack_from("<Q", boot, 48)[0] * cluster, 1024)))
    records = [table[at : at + 1024] for at in range(0, len(table), 1024)]
    records = [without_fixups(record) if record[:4] == b"FILE" and record[22] & 1 else None for record in records]
    bitmap = bytearray(content(records[6]))
    for record in records:
        if record is not None and is_store(record):
            for lcn, count in runs_of(record):
                for bit in range(lcn, lcn + count):
                    bitmap[bit >> 3] &= ~(1 << (bit & 7))
    for byte, bits in enumerate(bitmap[: (total + 7) // 8]):
        if bits:
            for bit in range(8):
                if bits >> bit & 1 and byte * 8 + bit < total:
                    yield cluster, byte * 8 + bit


def main(path, start, length, dropped):
    with open(dropped) as file:
        ranges = json.load(file)
    volumes = []
    for cover in ([], ranges):
        source = Volume(path, int(start), int(length), cover)
        volume = pyvshadow.volume()
        volume.open_file_object(source)
        volumes.append((volume, source))
    (plain, _), (covered, _) = volumes
    for number in range(plain.number_of_stores):
        before, after = plain.get_store(number), covered.get_store(number)
        clusters = changed = 0
        for size, lcn in allocated(before):
            clusters += 1
            changed += read_at(before, lcn * size, size) != read_at(after, lcn * size, size)
        print(json.dumps({"clusters": clusters, "changed": changed}))


main(*sys.argv[1:])
