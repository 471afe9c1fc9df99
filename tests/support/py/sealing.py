"""Seals texts as hosts and their people do (docs/format/statements.md): JWE with ECDH-ES+A256KW on P-256 and A256GCM, in
Python alone, so that a test can seal what no program of ours would."""

import base64
import hashlib
import json
import os

P = 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffff
N = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551
G = (0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296,
     0x4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5)


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def add(a, b):
    if a is None or b is None:
        return a or b
    if a[0] == b[0]:
        if (a[1] + b[1]) % P == 0:
            return None
        slope = (3 * a[0] * a[0] - 3) * pow(2 * a[1], -1, P)
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, P)
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def multiply(k, point):
    out = None
    while k:
        if k & 1:
            out = add(out, point)
        point, k = add(point, point), k >> 1
    return out


def _box():
    box, p, q = [0] * 256, 1, 1
    while True:
        p = (p ^ (p << 1) ^ (0x11b if p & 0x80 else 0)) & 0xff
        for shift in (1, 2, 4):
            q ^= (q << shift) & 0xff
        q ^= 0x09 if q & 0x80 else 0
        turned = 0
        for shift in range(5):
            turned ^= ((q << shift) | (q >> (8 - shift))) & 0xff
        box[p] = turned ^ 0x63
        if p == 1:
            box[0] = 0x63
            return box


BOX = _box()


def twice(value):
    return ((value << 1) ^ (0x11b if value & 0x80 else 0)) & 0xff


class Aes:
    """AES with a key of 32 bytes: one block, encrypted."""

    def __init__(self, key):
        words = [key[i:i + 4] for i in range(0, 32, 4)]
        turn = 1
        for i in range(8, 60):
            word = words[-1]
            if i % 8 == 0:
                word = bytes(BOX[each] for each in word[1:] + word[:1])
                word, turn = bytes([word[0] ^ turn]) + word[1:], twice(turn)
            elif i % 8 == 4:
                word = bytes(BOX[each] for each in word)
            words.append(bytes(a ^ b for a, b in zip(words[-8], word)))
        self.rounds = [b"".join(words[i:i + 4]) for i in range(0, 60, 4)]

    def block(self, data):
        state = bytes(a ^ b for a, b in zip(data, self.rounds[0]))
        for i, key in enumerate(self.rounds[1:], 1):
            state = [BOX[state[(place * 5) % 16]] for place in range(16)]
            if i < 14:
                mixed = []
                for at in range(0, 16, 4):
                    column = state[at:at + 4]
                    whole = column[0] ^ column[1] ^ column[2] ^ column[3]
                    mixed += [column[j] ^ whole ^ twice(column[j] ^ column[(j + 1) % 4]) for j in range(4)]
                state = mixed
            state = bytes(a ^ b for a, b in zip(state, key))
        return state


def gcm(key, nonce, text, extra):
    """Ciphertext and tag."""
    aes = Aes(key)
    h = int.from_bytes(aes.block(bytes(16)), "big")

    def hashed(value, data):
        for at in range(0, len(data), 16):
            value ^= int.from_bytes(data[at:at + 16].ljust(16, b"\0"), "big")
            product, factor = 0, h
            for bit in range(127, -1, -1):
                if value >> bit & 1:
                    product ^= factor
                factor = (factor >> 1) ^ (0xe1 << 120 if factor & 1 else 0)
            value = product
        return value

    out = b""
    for i in range(0, len(text), 16):
        stream = aes.block(nonce + (i // 16 + 2).to_bytes(4, "big"))
        out += bytes(a ^ b for a, b in zip(text[i:i + 16], stream))
    tag = hashed(hashed(hashed(0, extra), out), (len(extra) * 8).to_bytes(8, "big") + (len(out) * 8).to_bytes(8, "big"))
    mask = int.from_bytes(aes.block(nonce + b"\0\0\0\1"), "big")
    return out, (tag ^ mask).to_bytes(16, "big")


def wrapped(key, content):
    """RFC 3394."""
    aes, a, blocks = Aes(key), b"\xa6" * 8, [content[i:i + 8] for i in range(0, len(content), 8)]
    for turn in range(6):
        for i, block in enumerate(blocks):
            out = aes.block(a + block)
            a = bytes(x ^ y for x, y in zip(out[:8], (len(blocks) * turn + i + 1).to_bytes(8, "big")))
            blocks[i] = out[8:]
    return a + b"".join(blocks)


def thumbprint(jwk):
    text = json.dumps({name: jwk[name] for name in ("crv", "kty", "x", "y")}, separators=(",", ":"), sort_keys=True)
    return b64(hashlib.sha256(text.encode()).digest())


def seal(text, typ, jwk):
    """For the owner of the public key `jwk`, as JSON."""
    point = tuple(int.from_bytes(unb64(jwk[name]), "big") for name in ("x", "y"))
    secret = int.from_bytes(os.urandom(32), "big") % (N - 1) + 1
    own = multiply(secret, G)
    shared = multiply(secret, point)[0].to_bytes(32, "big")
    algorithm = b"ECDH-ES+A256KW"
    info = len(algorithm).to_bytes(4, "big") + algorithm + bytes(4) + bytes(4) + (256).to_bytes(4, "big")
    outer = hashlib.sha256(b"\0\0\0\1" + shared + info).digest()
    inner, nonce = os.urandom(32), os.urandom(12)
    epk = {"crv": "P-256", "kty": "EC", "x": b64(own[0].to_bytes(32, "big")), "y": b64(own[1].to_bytes(32, "big"))}
    head = b64(json.dumps({"alg": algorithm.decode(), "enc": "A256GCM", "epk": epk, "typ": typ}).encode())
    content, tag = gcm(inner, nonce, text.encode(), head.encode())
    return json.dumps({"protected": head, "recipients": [{"header": {"kid": thumbprint(jwk)},
                                                          "encrypted_key": b64(wrapped(outer, inner))}],
                       "iv": b64(nonce), "ciphertext": b64(content), "tag": b64(tag)})
