"""Makes tests/data/p256-vectors.txt: signatures of P-256 at the edges where implementations have gone wrong, as Wycheproof groups them.

No private key is needed for them: a point R, a number s and the hash h of the message give the public key for which they
are a signature, Q = (s*R - h*G) / r. So u1 = h/s, u2 = r/s and r itself can be chosen.

    python3 tests/data/p256_vectors.py > tests/data/p256-vectors.txt
"""

import hashlib

P = 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffff
N = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551
B = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b
G = (0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296,
     0x4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5)
MESSAGE = "edge"
H = int.from_bytes(hashlib.sha256(MESSAGE.encode()).digest(), "big") % N


def add(one, other):
    if one is None or other is None:
        return other if one is None else one
    if one[0] == other[0] and (one[1] + other[1]) % P == 0:
        return None
    if one == other:
        slope = (3 * one[0] * one[0] - 3) * pow(2 * one[1], -1, P) % P
    else:
        slope = (other[1] - one[1]) * pow(other[0] - one[0], -1, P) % P
    x = (slope * slope - one[0] - other[0]) % P
    return x, (slope * (one[0] - x) - one[1]) % P


def times(number, point):
    out = None
    for bit in bin(number % N)[2:]:
        out = add(out, out)
        if bit == "1":
            out = add(out, point)
    return out


def lift(x):
    """The point with this x and an even y, or None."""
    square = (x * x * x - 3 * x + B) % P
    y = pow(square, (P + 1) // 4, P)
    return (x, y if y % 2 == 0 else P - y) if x < P and y * y % P == square else None


def over(one, other):
    return one * pow(other, -1, N) % N


def key_for(point, r, s):
    """For which s, and r in the place of the point's x, are a signature."""
    return times(pow(r, -1, N), add(times(s, point), times(N - H, G)))


def holds(key, r, s):
    if not (0 < r < N and 0 < s < N):
        return False
    found = add(times(over(H, s), G), times(over(r, s), key))
    return found is not None and found[0] % N == r


def rows():
    some = times(0x1d3a55ed7f1ba1a6d0a6e3c6c1d1b4a7e1c0f1e2d3c4b5a697887766554433221, G)
    r = some[0] % N
    edges = [1, 2, 3, 4, 5, 6, 7, N - 1, N - 2, N - 3, (N - 1) // 2, (N + 1) // 2, 1 << 32, (1 << 32) - 1, 1 << 64,
             (1 << 64) - 1, 1 << 128, (1 << 128) - 1, 1 << 192, 1 << 224, 1 << 255, N - (1 << 32), N - (1 << 128), P % N,
             0x5555555555555555555555555555555555555555555555555555555555555555,
             0x7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff]
    for u in edges:
        yield "u1 = %x" % u, key_for(some, r, over(H, u)), r, over(H, u)
    for u in edges:
        yield "u2 = %x" % u, key_for(some, r, over(r, u)), r, over(r, u)
    for s in edges:
        yield "s = %x" % s, key_for(some, r, s), r, s
    # u1*G and u2*Q are one point: to add them is to double it. Or one is the other's opposite: their sum is no point.
    for u in (1, 2, 0x1234567890abcdef, N - 1, (N - 1) // 2):
        s = over(H, u)
        point = times(2 * u, G)
        yield "u1*G = u2*Q, u1 = %x" % u, times(over(H, point[0] % N), G), point[0] % N, s
        yield "u1*G = -u2*Q, u1 = %x" % u, times(N - over(H, r), G), r, s
        yield "u1*G = -u2*Q, r of the doubled point, u1 = %x" % u, times(N - over(H, point[0] % N), G), point[0] % N, s
    # The key is the generator, or near it.
    for d in (1, 2, 3, N - 1, N - 2):
        for k in (1, 2, 5, N - 1):
            r = times(k, G)[0] % N
            s = (H + r * d) * pow(k, -1, N) % N
            yield "d = %x, k = %x" % (d, k), times(d, G), r, s
    # x is not below the order: r is x - n, and x - n is below p - n.
    small = [x for x in range(1, 40) if lift(N + x)][:4] + [x for x in range(P - N - 40, P - N) if lift(N + x)][-3:]
    for r in small:
        for s in (H, 1, N - 1):
            yield "x = n + %x, s = %x" % (r, s), key_for(lift(N + r), r, s), r, s
        yield "x = n + %x, not reduced" % r, key_for(lift(N + r), r, H), N + r, H
    # r is small because x is.
    for r in [x for x in range(1, 40) if lift(x)][:4]:
        yield "x = %x" % r, key_for(lift(r), r, H), r, H
    # r + n is x only if p is forgotten.
    for x in [x for x in range(0, 40) if lift(x)][:4]:
        r = x + P - N
        for s in (H, 1, N - 1):
            yield "r = p - n + %x, s = %x" % (x, s), key_for(lift(x), r, s), r, s


def main():
    print("# Made by p256_vectors.py beside it, which says what they are: over the message \"%s\"; x, y, r, s." % MESSAGE)
    for what, key, r, s in rows():
        print("%s; %064x %064x %064x %064x; %s" % (what, *key, r, s, "holds" if holds(key, r, s) else "is refused"))


if __name__ == "__main__":
    main()
