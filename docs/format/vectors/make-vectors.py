#!/usr/bin/env python3
"""Makes the vectors of docs/format/device.md from that page alone: a second program, which shares no code with the first.

Run it in this folder; it writes pack.json, disk-index.json and documents.json.
"""
import hashlib
import json
import struct
import zlib


def magic(sentence, length):
    return hashlib.sha256(sentence.encode()).digest()[:length]


def with_crc(head):
    return head + struct.pack("<I", zlib.crc32(head))


def pack(pack_id, chunks):
    """chunks: (plain, codec, payload)."""
    body = with_crc(magic("Blockhouse pack", 8) + struct.pack("<II", 1, 0) + pack_id)
    entries = b""
    places = []
    for plain, codec, payload in chunks:
        chunk_id = hashlib.sha256(plain).digest()
        offset = len(body)
        places.append((offset, len(payload)))
        head = magic("Blockhouse chunk record", 4) + struct.pack("<BBHII", codec, 0, 0, len(plain), len(payload))
        body += with_crc(head + chunk_id) + payload
        entries += chunk_id + struct.pack("<IIIBBH", offset, len(payload), len(plain), codec, 0, 0)
    foot = pack_id + struct.pack("<IIII", 1, len(body), len(chunks), zlib.crc32(entries))
    return body + entries + with_crc(foot) + magic("Blockhouse pack directory", 8), places


def groups_of_7(value):
    out = bytearray()
    while value >= 128:
        out.append(value % 128 + 128)
        value //= 128
    return bytes(out + bytes([value]))


KINDS = {"data": 0, "zero": 1, "free": 2, "same": 3}


def disk_index(capacity, grid, packs, runs, refs):
    """runs: (kind, length); refs: (start, plain, pack number, offset, stored length)."""
    run_bytes = b"".join(bytes([KINDS[kind]]) + groups_of_7(length) for kind, length in runs)
    head = magic("Blockhouse disk index", 8) + struct.pack(
        "<IIQIIIII", 1, 0, capacity, grid, len(packs), len(runs), len(run_bytes), len(refs)
    )
    body = with_crc(head) + b"".join(packs) + run_bytes
    for start, plain, pack_no, offset, stored in refs:
        body += hashlib.sha256(plain).digest()
        body += struct.pack("<IIIIII", start // grid, start % grid, len(plain), pack_no, offset, stored)
    return body + hashlib.sha256(body).digest()


def save(name, value):
    with open(name, "w", encoding="ascii") as file:
        json.dump(value, file, indent=2)
        file.write("\n")


def main():
    pack_id = bytes(range(16))
    # A zstd frame written by hand: no content size, one last block of type RLE: 4096 times "B".
    rle = bytes.fromhex("28b52ffd0060") + struct.pack("<I", (4096 << 3) | (1 << 1) | 1)[:3] + b"B"
    chunks = [(b"A first chunk, stored as it is", 0, b"A first chunk, stored as it is"), (b"B" * 4096, 1, rle)]
    packed, places = pack(pack_id, chunks)
    save(
        "pack.json",
        {
            "packId": pack_id.hex(),
            "hex": packed.hex(),
            "chunks": [
                {
                    "id": hashlib.sha256(plain).hexdigest(),
                    "codec": ["none", "zstd"][codec],
                    "plainHex": plain.hex(),
                    "offset": place[0],
                    "storedLength": place[1],
                }
                for (plain, codec, _), place in zip(chunks, places)
            ],
        },
    )
    runs = [("data", 30), ("zero", 4066), ("free", 4096), ("data", 4096), ("same", 2**40 - 12288)]
    refs = [
        (0, chunks[0][0], 0, places[0][0], places[0][1]),
        (8192, chunks[1][0], 0, places[1][0], places[1][1]),
    ]
    index = disk_index(2**40, 4096, [pack_id], runs, refs)
    save(
        "disk-index.json",
        {
            "capacityBytes": 2**40,
            "gridBytes": 4096,
            "packs": [pack_id.hex()],
            "runs": runs,
            "refs": [
                {"start": start, "id": hashlib.sha256(plain).hexdigest(), "plainLength": len(plain),
                 "packId": pack_id.hex(), "offset": offset, "storedLength": stored}
                for start, plain, _, offset, stored in refs
            ],
            "hex": index.hex(),
        },
    )
    device = {
        "format": "blockhouse-device", "version": 1, "deviceId": "0f" * 16, "createdAt": "2026-01-31T12:00:00.000Z",
        "producer": {"product": "Blockhouse", "version": "0.1.0"}, "gridBytes": 1048576, "hash": "sha256",
        "codec": "zstd", "features": {"required": [], "optional": []}, "keySlots": [],
    }
    seal = {
        "format": "blockhouse-seal", "version": 1, "savesetId": "00112233445566aa", "manifestSha256": "ab" * 32,
        "token": 7, "sealedAt": "2026-01-31T12:34:56.000Z",
    }
    text = lambda value: json.dumps(value, separators=(",", ":")) + "\n"
    save("documents.json", {"device": text(device), "seal": text(seal)})


main()
