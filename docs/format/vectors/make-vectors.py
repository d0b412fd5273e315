#!/usr/bin/env python3
"""Makes the vectors of docs/format/device.md from that page alone: a second program, which shares no code with the first.

Run it in this folder; it writes pack.json, disk-index.json, moved.json, documents.json and encryption.json. It needs the package
"cryptography" for AES-GCM. What is random on a device is counted up here, so that the bytes are the same each time.
"""
import hashlib
import hmac
import json
import struct
import unicodedata
import zlib

from cryptography.hazmat.primitives.ciphers.aead import AESGCM


def magic(sentence, length):
    return hashlib.sha256(sentence.encode()).digest()[:length]


def with_crc(head):
    return head + struct.pack("<I", zlib.crc32(head))


def record(chunk_id, plain_length, codec, flags, payload):
    head = magic("Blockhouse chunk record", 4) + struct.pack("<BBHII", codec, flags, 0, plain_length, len(payload))
    return with_crc(head + chunk_id + struct.pack("<I", zlib.crc32(payload))) + payload


def pack(pack_id, attempt_id, chunks):
    """chunks: (plain, codec, payload)."""
    body = with_crc(magic("Blockhouse pack", 8) + struct.pack("<II", 1, 0) + pack_id + attempt_id)
    entries = b""
    places = []
    for plain, codec, payload in chunks:
        chunk_id = hashlib.sha256(plain).digest()
        offset = len(body)
        places.append((offset, len(payload)))
        body += record(chunk_id, len(plain), codec, 0, payload)
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


def moved(pack_id, entries):
    """entries: (old offset, new pack id, new offset, stored length)."""
    body = magic("Blockhouse moved records", 8) + struct.pack("<II", 1, len(entries)) + pack_id
    for old, new_pack, offset, stored in entries:
        body += struct.pack("<I", old) + new_pack + struct.pack("<II", offset, stored)
    return body + hashlib.sha256(body).digest()


def manifest(index_bytes):
    """A consolidated point: two layers, and it stands for another one."""
    counters = {name: 0 for name in ["provisioned", "used", "changed", "skipped", "read", "zero", "known", "fresh", "stored"]}
    stored = {"lengthBytes": len(index_bytes), "sha256": hashlib.sha256(index_bytes).hexdigest()}
    volume = {
        "startBytes": 2**20, "lengthBytes": 2**39, "fileSystem": "NTFS", "label": "System", "clusterBytes": 4096,
        "usedBytes": 2**38, "freeBytes": 2**38, "skippedBytes": 2**37, "kept": [{"why": "shadow copies of the guest", "bytes": 2**37}],
        "gate": None, "reason": None,
    }
    disk = {
        "key": 2000, "label": "Hard disk 1", "uuid": "6000C29e-0000-0000-0000-000000000001", "capacityBytes": 2**40,
        "fileName": "[ds1] db01/db01.vmdk", "thin": True, "mode": "persistent", "changeId": None, "type": "full",
        "base": None, "fallback": None, "transport": "file", "filter": {"state": "filtered", "volumes": [volume]}, "freeBytes": 4096,
        "layers": [{"segments": [{"name": f"disk-2000.{layer}.0.index", **stored}]} for layer in (0, 1)],
        "packs": 2, "chunks": 4, "counters": counters,
    }
    vm = {
        "name": "db01", "moref": "vm-42", "instanceUuid": "5029c6b9-0000-0000-0000-000000000001",
        "biosUuid": "4229c6b9-0000-0000-0000-000000000001", "inventoryPath": "/dc1/vm/db01", "server": "vc1",
        "guestId": "windows2019srv_64Guest", "hardwareVersion": "vmx-19", "powerState": "poweredOn",
    }
    return {
        "format": "blockhouse-manifest", "version": 1, "producer": {"product": "Blockhouse", "version": "0.1.0"},
        "savesetId": "00112233445566aa", "deviceId": "0f" * 16, "runId": 3, "taskId": 4, "attempt": 1, "token": 7,
        "jobName": "nightly", "job": {"name": "nightly", "devices": ["tape0"]}, "type": "full", "base": None,
        "standsFor": ["00112233445566bb"], "createdAt": "2026-01-31T12:00:00.000Z", "finishedAt": "2026-01-31T12:05:00.000Z",
        "vm": vm, "consistency": {"asked": "application", "reached": "crash", "reason": "no tools"}, "disks": [disk],
        "leftOutDisks": [], "files": [{"name": "vm-config.json", "lengthBytes": 3, "sha256": "ab" * 32}],
        "packsWritten": [], "warnings": [], "counters": counters, "phases": {"write": 12.5},
    }


def hkdf(master, salt, info):
    """RFC 5869 with SHA-256, one block of output."""
    extracted = hmac.new(salt, master, "sha256").digest()
    return hmac.new(extracted, info + b"\x01", "sha256").digest()


def sealed(key, salt, nonce, text, bound):
    """salt, nonce, ciphertext and tag."""
    return salt + nonce + AESGCM(hmac.new(key, salt, "sha256").digest()).encrypt(nonce, text, bound)


def sealed_payload(keys, chunk_id, plain_length, codec, coded, salt, nonce):
    bound = struct.pack("<BBHI", codec, 1, 0, plain_length) + chunk_id
    return sealed(keys["chunk"], salt, nonce, coded, bound)


def sealed_object(keys, name, text, salt, nonce):
    head = magic("Blockhouse sealed object", 8) + struct.pack("<II", 1, 0)
    body = sealed(keys["object"], salt, nonce, text, name.encode() + head)
    whole = head + body[:28] + bytes(4) + body[28:]
    return whole + hashlib.sha256(whole).digest()


def key_slot(master, device_id, slot_id, password, kdf, nonce):
    text = unicodedata.normalize("NFC", password).encode()
    cost = {"n": kdf["n"], "r": kdf["r"], "p": kdf["p"], "maxmem": 2**30}
    key = hashlib.scrypt(text, salt=bytes.fromhex(kdf["salt"]), dklen=32, **cost)
    sealed_key = nonce + AESGCM(key).encrypt(nonce, master, (slot_id + device_id).encode())
    return {
        "format": "blockhouse-key-slot", "version": 1, "slotId": slot_id, "deviceId": device_id,
        "label": "night operator", "createdAt": "2026-01-31T12:00:00.000Z", "kdf": kdf, "sealedKey": sealed_key.hex(),
    }


def encryption():
    master = bytes(range(32))
    device_id = "0f" * 16
    infos = {"chunkId": b"blockhouse chunk id", "chunk": b"blockhouse chunk", "object": b"blockhouse object"}
    keys = {name: hkdf(master, bytes.fromhex(device_id), info) for name, info in infos.items()}
    salt, nonce = bytes(range(100, 116)), bytes(range(200, 212))
    plain = b"What nobody else shall read"
    chunk_id = hmac.new(keys["chunkId"], plain, "sha256").digest()
    payload = sealed_payload(keys, chunk_id, len(plain), 0, plain, salt, nonce)
    name = "savesets/00112233445566aa/vm-config.json"
    text = b'{"vm":"db01"}\n'
    kdf = {"name": "scrypt", "n": 16384, "r": 8, "p": 1, "salt": bytes(range(32)).hex()}
    # The e with its accent in two characters, as some keyboards give it.
    password = "cafe\u0301 au lait"
    slot = key_slot(master, device_id, "00112233445566bb", password, kdf, nonce)
    return {
        "masterKey": master.hex(), "deviceId": device_id, "keys": {name: key.hex() for name, key in keys.items()},
        "record": {"plain": plain.decode(), "id": chunk_id.hex(), "hex": record(chunk_id, len(plain), 0, 1, payload).hex()},
        "object": {"name": name, "text": text.decode(), "hex": sealed_object(keys, name, text, salt, nonce).hex()},
        "keySlot": {"password": password, "text": json.dumps(slot, separators=(",", ":")) + "\n"},
    }


def save(name, value):
    with open(name, "w", encoding="ascii") as file:
        json.dump(value, file, indent=2)
        file.write("\n")


def main():
    pack_id = bytes(range(16))
    # A zstd frame written by hand: no content size, one last block of type RLE: 4096 times "B".
    rle = bytes.fromhex("28b52ffd0060") + struct.pack("<I", (4096 << 3) | (1 << 1) | 1)[:3] + b"B"
    chunks = [(b"A first chunk, stored as it is", 0, b"A first chunk, stored as it is"), (b"B" * 4096, 1, rle)]
    attempt_id = bytes.fromhex("00112233445566aa")
    packed, places = pack(pack_id, attempt_id, chunks)
    save(
        "pack.json",
        {
            "packId": pack_id.hex(),
            "attemptId": attempt_id.hex(),
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
        "producer": {"product": "Blockhouse", "version": "0.1.0"}, "gridBytes": 1048576,
        "segmentBytes": 2**40, "hash": "sha256", "codec": "zstd",
        "features": {"required": ["encryption"], "optional": []},
    }
    seal = {
        "format": "blockhouse-seal", "version": 1, "savesetId": "00112233445566aa", "manifestSha256": "ab" * 32,
        "token": 7, "sealedAt": "2026-01-31T12:34:56.000Z",
    }
    text = lambda value: json.dumps(value, separators=(",", ":")) + "\n"
    attempt = {
        "format": "blockhouse-attempt", "version": 1, "attemptId": "00112233445566aa", "kind": "backup",
        "startedAt": "2026-01-31T12:00:00.000Z", "runId": 3, "taskId": 4, "token": 7,
    }
    documents = {"device": text(device), "seal": text(seal), "attempt": text(attempt), "manifest": text(manifest(index))}
    save("documents.json", documents)
    entries = [(44, bytes(range(16, 32)), 44, 86), (130, bytes(range(32, 48)), 1000, 66)]
    save(
        "moved.json",
        {
            "packId": pack_id.hex(),
            "records": [
                {"oldOffset": old, "packId": new_pack.hex(), "offset": offset, "storedLength": stored}
                for old, new_pack, offset, stored in entries
            ],
            "hex": moved(pack_id, entries).hex(),
        },
    )
    save("encryption.json", encryption())


main()
