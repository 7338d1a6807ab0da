#!/usr/bin/env python3
"""Prints chain_vectors.h: links of a chain, made by another BLAKE2b than the program's.

    python3 chain_vectors.py > chain_vectors.h
"""
import hashlib
import struct


def blake2b(data, person, size=32, salt=b""):
    return hashlib.blake2b(data, digest_size=size, salt=salt, person=person).digest()


def start(replica):
    return blake2b(struct.pack("<Q", replica), b"hopnhat.log")


def salt(seed, number):
    block = blake2b(struct.pack("<I", number // 4), b"hopnhat.salt", 64, seed)
    return block[16 * (number % 4):16 * (number % 4) + 16]


def after(previous, change, seed, values):
    leaves = [blake2b(value, b"hopnhat.value", 32, salt(seed, i)) for i, value in enumerate(values)]
    return blake2b(previous + struct.pack("<I", len(change)) + change + b"".join(leaves), b"hopnhat.link")


def emit(name, data):
    print(f"static const uint8_t {name}[{len(data)}] = {{")
    for at in range(0, len(data), 16):
        print("    " + ", ".join(f"0x{byte:02x}" for byte in data[at:at + 16]) + ",")
    print("};")


REPLICA, SEED = 0x0123456789ABCDEF, bytes(range(1, 17))
VALUES = [b"Hue", b"", b"\xc4\x90\xc3\xa0 N\xe1\xba\xb5ng", b"x" * 1000, b"5", b"6", b"7", b"8", b"9"]

print("""/* Made by chain_vectors.py. */
/* clang-format off */
#ifndef HOPNHAT_TESTS_UNIT_MODEL_CHAIN_VECTORS_H
#define HOPNHAT_TESTS_UNIT_MODEL_CHAIN_VECTORS_H

#include <stdint.h>
""")
emit("VECTOR_START", start(REPLICA))
first = after(start(REPLICA), b"not even a change", SEED, VALUES)
emit("VECTOR_FIRST", first)
emit("VECTOR_SECOND", after(first, b"", SEED, []))
for number in (0, 3, 4, 8):
    emit(f"VECTOR_SALT_{number}", salt(SEED, number))
emit("VECTOR_LEAF_2", blake2b(VALUES[2], b"hopnhat.value", 32, salt(SEED, 2)))
print("""
#endif""")
