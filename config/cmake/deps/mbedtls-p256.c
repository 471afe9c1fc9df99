/*
 * Multiplication of points of P-256 by a secret number, in 64-bit words: what the general arithmetic of Mbed TLS
 * needs five times as long for. Included by library/ecp.c (mbedtls-p256.patch).
 *
 * Constant time: no branch and no address depends on the number or on a coordinate. Field elements are in Montgomery
 * form, x * 2^256 mod p, always below p. Points are homogeneous (X : Y : Z), infinity is (0 : 1 : 0), and the
 * formulas are the complete ones of Renes, Costello and Batina (2016) for a = -3: they have no special cases.
 */
#if defined(__SIZEOF_INT128__)
#define BELAY_P256 1

#include <stdint.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

typedef unsigned __int128 p256_wide;
typedef struct { uint64_t w[4]; } p256_fe; /* The least significant word first. */
typedef struct { p256_fe x, y, z; } p256_point;
typedef struct { p256_fe x, y; } p256_affine;

static const p256_fe p256_one = {{0x0000000000000001, 0xffffffff00000000, 0xffffffffffffffff, 0x00000000fffffffe}};
static const p256_fe p256_b = {{0xd89cdf6229c4bddf, 0xacf005cd78843090, 0xe5a220abf7212ed6, 0xdc30061d04874834}};
/* 2^512 mod p: a product with it brings a number into Montgomery form. */
static const p256_fe p256_r2 = {{0x0000000000000003, 0xfffffffbffffffff, 0xfffffffffffffffe, 0x00000004fffffffd}};

/* Entry i - 1: the sum of 2^(64 j) G over the bits j of i. */
static const p256_affine p256_comb[15] = {
    {{{0x79e730d418a9143c, 0x75ba95fc5fedb601, 0x79fb732b77622510, 0x18905f76a53755c6}},
     {{0xddf25357ce95560a, 0x8b4ab8e4ba19e45c, 0xd2e88688dd21f325, 0x8571ff1825885d85}}},
    {{{0x4f922fc516a0d2bb, 0x0d5cc16c1a623499, 0x9241cf3a57c62c8b, 0x2f5e6961fd1b667f}},
     {{0x5c15c70bf5a01797, 0x3d20b44d60956192, 0x04911b37071fdb52, 0xf648f9168d6f0f7b}}},
    {{{0x9e566847e137bbbc, 0xe434469e8a6a0bec, 0xb1c4276179d73463, 0x5abe0285133d0015}},
     {{0x92aa837cc04c7dab, 0x573d9f4c43260c07, 0x0c93156278e6cc37, 0x94bb725b6b6f7383}}},
    {{{0x62a8c244bfe20925, 0x91c19ac38fdce867, 0x5a96a5d5dd387063, 0x61d587d421d324f6}},
     {{0xe87673a2a37173ea, 0x2384800853778b65, 0x10f8441e05bab43e, 0xfa11fe124621efbe}}},
    {{{0x1c891f2b2cb19ffd, 0x01ba8d5bb1923c23, 0xb6d03d678ac5ca8e, 0x586eb04c1f13bedc}},
     {{0x0c35c6e527e8ed09, 0x1e81a33c1819ede2, 0x278fd6c056c652fa, 0x19d5ac0870864f11}}},
    {{{0x62577734d2b533d5, 0x673b8af6a1bdddc0, 0x577e7c9aa79ec293, 0xbb6de651c3b266b1}},
     {{0xe7e9303ab65259b3, 0xd6a0afd3d03a7480, 0xc5ac83d19b3cfc27, 0x60b4619a5d18b99b}}},
    {{{0xbd6a38e11ae5aa1c, 0xb8b7652b49e73658, 0x0b130014ee5f87ed, 0x9d0f27b2aeebffcd}},
     {{0xca9246317a730a55, 0x9c955b2fddbbc83a, 0x07c1dfe0ac019a71, 0x244a566d356ec48d}}},
    {{{0x56f8410ef4f8b16a, 0x97241afec47b266a, 0x0a406b8e6d9c87c1, 0x803f3e02cd42ab1b}},
     {{0x7f0309a804dbec69, 0xa83b85f73bbad05f, 0xc6097273ad8e197f, 0xc097440e5067adc1}}},
    {{{0x846a56f2c379ab34, 0xa8ee068b841df8d1, 0x20314459176c68ef, 0xf1af32d5915f1f30}},
     {{0x99c375315d75bd50, 0x837cffbaf72f67bc, 0x0613a41848d7723f, 0x23d0f130e2d41c8b}}},
    {{{0xed93e225d5be5a2b, 0x6fe799835934f3c6, 0x4314092622626ffc, 0x50bbb4d97990216a}},
     {{0x378191c6e57ec63e, 0x65422c40181dcdb2, 0x41a8099b0236e0f6, 0x2b10011801fe49c3}}},
    {{{0xfc68b5c59b391593, 0xc385f5a2598270fc, 0x7144f3aad19adcbb, 0xdd55899983fbae0c}},
     {{0x93b88b8e74b82ff4, 0xd2e03c4071e734c9, 0x9a7a9eaf43c0322a, 0xe6e4c551149d6041}}},
    {{{0x5fe14bfe80ec21fe, 0xf6ce116ac255be82, 0x98bc5a072f4a5d67, 0xfad27148db7e63af}},
     {{0x90c0b6ac29ab05b3, 0x37a9a83c4e251ae6, 0x0a7dc875c2aade7d, 0x77387de39f0e1a84}}},
    {{{0x1e9ecc49a56c0dd7, 0xa5cffcd846086c74, 0x8f7a1408f505aece, 0xb37b85c0bef0c47e}},
     {{0x3596b6e4cc0e6a8f, 0xfd6d4bbf6b388f23, 0xaba453fac39cef4e, 0x9c135ac8f9f628d5}}},
    {{{0x0a1c729495c8f8be, 0x2961c4803bf362bf, 0x9e418403df63d4ac, 0xc109f9cb91ece900}},
     {{0xc2d095d058945705, 0xb9083d96ddeb85c0, 0x84692b8d7a40449b, 0x9bc3344f2eee1ee1}}},
    {{{0x0d5ae35642913074, 0x55491b2748a542b1, 0x469ca665b310732a, 0x29591d525f1a4cc1}},
     {{0xe76f5b6bb84f983f, 0xbe7eef419f5f84e1, 0x1200d49680baa189, 0x6376551f18ef332c}}},
};

/* All ones when the two are the same, else 0. */
static inline uint64_t p256_equal(uint64_t a, uint64_t b)
{
    const uint64_t differ = a ^ b;
    return ((differ | (0 - differ)) >> 63) - 1;
}

static inline void p256_pick(p256_fe *r, const p256_fe *other, uint64_t mask)
{
    for (int i = 0; i < 4; i++) {
        r->w[i] ^= mask & (r->w[i] ^ other->w[i]);
    }
}

/* Sum or difference of a, b and a carry, which is replaced by the one to the next word. */
static inline uint64_t p256_adc(uint64_t a, uint64_t b, unsigned char *carry)
{
#if defined(__x86_64__)
    unsigned long long sum;
    *carry = _addcarry_u64(*carry, a, b, &sum);
    return sum;
#else
    const p256_wide sum = (p256_wide) a + b + *carry;
    *carry = (unsigned char) (sum >> 64);
    return (uint64_t) sum;
#endif
}

static inline uint64_t p256_sbb(uint64_t a, uint64_t b, unsigned char *borrow)
{
#if defined(__x86_64__)
    unsigned long long difference;
    *borrow = _subborrow_u64(*borrow, a, b, &difference);
    return difference;
#else
    const p256_wide difference = (p256_wide) a - b - *borrow;
    *borrow = (unsigned char) (difference >> 64) & 1;
    return (uint64_t) difference;
#endif
}

/* r = top * 2^256 + a, less p unless that is below p. */
static inline void p256_once(p256_fe *r, const p256_fe *a, uint64_t top)
{
    unsigned char borrow = 0;
    const uint64_t d0 = p256_sbb(a->w[0], 0xffffffffffffffff, &borrow);
    const uint64_t d1 = p256_sbb(a->w[1], 0x00000000ffffffff, &borrow);
    const uint64_t d2 = p256_sbb(a->w[2], 0, &borrow);
    const uint64_t d3 = p256_sbb(a->w[3], 0xffffffff00000001, &borrow);
    const uint64_t keep = p256_sbb(top, 0, &borrow); /* All ones when it is below p. */
    r->w[0] = d0 ^ (keep & (d0 ^ a->w[0]));
    r->w[1] = d1 ^ (keep & (d1 ^ a->w[1]));
    r->w[2] = d2 ^ (keep & (d2 ^ a->w[2]));
    r->w[3] = d3 ^ (keep & (d3 ^ a->w[3]));
}

static inline void p256_add(p256_fe *r, const p256_fe *a, const p256_fe *b)
{
    p256_fe sum;
    unsigned char carry = 0;
    sum.w[0] = p256_adc(a->w[0], b->w[0], &carry);
    sum.w[1] = p256_adc(a->w[1], b->w[1], &carry);
    sum.w[2] = p256_adc(a->w[2], b->w[2], &carry);
    sum.w[3] = p256_adc(a->w[3], b->w[3], &carry);
    p256_once(r, &sum, carry);
}

static inline void p256_sub(p256_fe *r, const p256_fe *a, const p256_fe *b)
{
    unsigned char borrow = 0, carry = 0;
    const uint64_t d0 = p256_sbb(a->w[0], b->w[0], &borrow);
    const uint64_t d1 = p256_sbb(a->w[1], b->w[1], &borrow);
    const uint64_t d2 = p256_sbb(a->w[2], b->w[2], &borrow);
    const uint64_t d3 = p256_sbb(a->w[3], b->w[3], &borrow);
    const uint64_t mask = 0 - (uint64_t) borrow;
    r->w[0] = p256_adc(d0, mask, &carry);
    r->w[1] = p256_adc(d1, mask & 0x00000000ffffffff, &carry);
    r->w[2] = p256_adc(d2, 0, &carry);
    r->w[3] = p256_adc(d3, mask & 0xffffffff00000001, &carry);
}

/* r = a * b / 2^256 mod p. The last word of p is all ones, so each word of the product is its own multiple of p. */
static void p256_mul(p256_fe *r, const p256_fe *a, const p256_fe *b)
{
    uint64_t t0 = 0, t1 = 0, t2 = 0, t3 = 0, t4 = 0;
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        const uint64_t by = b->w[i];
        p256_wide u = (p256_wide) a->w[0] * by + t0;
        const uint64_t m = (uint64_t) u;
        u = (p256_wide) a->w[1] * by + t1 + (uint64_t) (u >> 64);
        t1 = (uint64_t) u;
        u = (p256_wide) a->w[2] * by + t2 + (uint64_t) (u >> 64);
        t2 = (uint64_t) u;
        u = (p256_wide) a->w[3] * by + t3 + (uint64_t) (u >> 64);
        t3 = (uint64_t) u;
        const p256_wide top = (p256_wide) t4 + (uint64_t) (u >> 64);
        /* Plus m * p, of which the lowest word cancels m; then one word to the right. */
        u = (p256_wide) t1 + (m << 32);
        t0 = (uint64_t) u;
        u = (p256_wide) t2 + (m >> 32) + (uint64_t) (u >> 64);
        t1 = (uint64_t) u;
        u = (p256_wide) m * 0xffffffff00000001 + t3 + (uint64_t) (u >> 64);
        t2 = (uint64_t) u;
        u = top + (uint64_t) (u >> 64);
        t3 = (uint64_t) u;
        t4 = (uint64_t) (u >> 64);
    }
    const p256_fe sum = {{t0, t1, t2, t3}};
    p256_once(r, &sum, t4);
}

static void p256_square_times(p256_fe *r, const p256_fe *a, int times)
{
    p256_mul(r, a, a);
    while (--times > 0) {
        p256_mul(r, r, r);
    }
}

/* r = a^(p - 2): the inverse, and 0 for 0. p - 2 is, from its top: 32 ones, 31 zeros, a one, 96 zeros, 94 ones, 01. */
static void p256_invert(p256_fe *r, const p256_fe *a)
{
    p256_fe ones[6]; /* a^(2^n - 1) for n = 1, 2, 4, 8, 16, 32. */
    p256_fe t;
    ones[0] = *a;
    for (int i = 1; i < 6; i++) {
        p256_square_times(&t, &ones[i - 1], 1 << (i - 1));
        p256_mul(&ones[i], &t, &ones[i - 1]);
    }
    p256_square_times(&t, &ones[5], 32);
    p256_mul(&t, &t, a);
    p256_square_times(&t, &t, 96);
    static const int runs[] = {5, 5, 4, 3, 2, 1}; /* 32 + 32 + 16 + 8 + 4 + 2 = 94 ones. */
    for (unsigned i = 0; i < sizeof(runs) / sizeof(runs[0]); i++) {
        p256_square_times(&t, &t, 1 << runs[i]);
        p256_mul(&t, &t, &ones[runs[i]]);
    }
    p256_square_times(&t, &t, 2);
    p256_mul(r, &t, a);
}

static void p256_point_add(p256_point *r, const p256_point *p, const p256_point *q)
{
    p256_fe xx, yy, zz, xy, yz, xz, s, t;
    p256_mul(&xx, &p->x, &q->x);
    p256_mul(&yy, &p->y, &q->y);
    p256_mul(&zz, &p->z, &q->z);
    /* The mixed products, each as (a + b)(c + d) - ac - bd. */
    p256_add(&s, &p->x, &p->y);
    p256_add(&t, &q->x, &q->y);
    p256_mul(&xy, &s, &t);
    p256_add(&s, &xx, &yy);
    p256_sub(&xy, &xy, &s);
    p256_add(&s, &p->y, &p->z);
    p256_add(&t, &q->y, &q->z);
    p256_mul(&yz, &s, &t);
    p256_add(&s, &yy, &zz);
    p256_sub(&yz, &yz, &s);
    p256_add(&s, &p->x, &p->z);
    p256_add(&t, &q->x, &q->z);
    p256_mul(&xz, &s, &t);
    p256_add(&s, &xx, &zz);
    p256_sub(&xz, &xz, &s);

    p256_fe u, v, w, zz3, xx3;
    /* u = 3 (xz - b zz); then yy - u and yy + u. */
    p256_mul(&s, &p256_b, &zz);
    p256_sub(&s, &xz, &s);
    p256_add(&u, &s, &s);
    p256_add(&u, &u, &s);
    p256_sub(&v, &yy, &u);
    p256_add(&u, &yy, &u);
    /* w = 3 (b xz - 3 zz - xx). */
    p256_add(&zz3, &zz, &zz);
    p256_add(&zz3, &zz3, &zz);
    p256_mul(&s, &p256_b, &xz);
    p256_sub(&s, &s, &zz3);
    p256_sub(&s, &s, &xx);
    p256_add(&w, &s, &s);
    p256_add(&w, &w, &s);
    p256_add(&xx3, &xx, &xx);
    p256_add(&xx3, &xx3, &xx);
    p256_sub(&xx3, &xx3, &zz3);

    p256_mul(&s, &xy, &u);
    p256_mul(&t, &yz, &w);
    p256_sub(&r->x, &s, &t);
    p256_mul(&s, &u, &v);
    p256_mul(&t, &xx3, &w);
    p256_add(&r->y, &s, &t);
    p256_mul(&s, &yz, &v);
    p256_mul(&t, &xy, &xx3);
    p256_add(&r->z, &s, &t);
}

static void p256_point_double(p256_point *r, const p256_point *p)
{
    p256_fe xx, yy, zz, xy, xz, yz, s, u, v, w, zz3, xx3;
    p256_mul(&xx, &p->x, &p->x);
    p256_mul(&yy, &p->y, &p->y);
    p256_mul(&zz, &p->z, &p->z);
    p256_mul(&xy, &p->x, &p->y);
    p256_add(&xy, &xy, &xy);
    p256_mul(&xz, &p->x, &p->z);
    p256_add(&xz, &xz, &xz);
    p256_mul(&yz, &p->y, &p->z);
    p256_add(&yz, &yz, &yz);

    /* u = 3 (b zz - xz); then yy - u and yy + u. */
    p256_mul(&s, &p256_b, &zz);
    p256_sub(&s, &s, &xz);
    p256_add(&u, &s, &s);
    p256_add(&u, &u, &s);
    p256_sub(&v, &yy, &u);
    p256_add(&u, &yy, &u);
    /* w = 3 (b xz - 3 zz - xx). */
    p256_add(&zz3, &zz, &zz);
    p256_add(&zz3, &zz3, &zz);
    p256_mul(&s, &p256_b, &xz);
    p256_sub(&s, &s, &zz3);
    p256_sub(&s, &s, &xx);
    p256_add(&w, &s, &s);
    p256_add(&w, &w, &s);
    p256_add(&xx3, &xx, &xx);
    p256_add(&xx3, &xx3, &xx);
    p256_sub(&xx3, &xx3, &zz3);

    p256_fe x, y;
    p256_mul(&x, &v, &xy);
    p256_mul(&s, &yz, &w);
    p256_sub(&x, &x, &s);
    p256_mul(&y, &v, &u);
    p256_mul(&s, &xx3, &w);
    p256_add(&y, &y, &s);
    p256_mul(&s, &yz, &yy);
    p256_add(&s, &s, &s);
    p256_add(&r->z, &s, &s);
    r->x = x;
    r->y = y;
}

/* k times the point, k as 32 bytes, the most significant first: four bits at a time. */
static void p256_times(p256_point *r, const p256_point *point, const unsigned char k[32])
{
    p256_point table[16];
    table[0] = (p256_point) {{{0}}, p256_one, {{0}}};
    table[1] = *point;
    for (int i = 2; i < 16; i++) {
        if (i % 2 == 0) {
            p256_point_double(&table[i], &table[i / 2]);
        } else {
            p256_point_add(&table[i], &table[i - 1], point);
        }
    }
    *r = table[0];
    for (int i = 0; i < 64; i++) {
        for (int j = 0; i > 0 && j < 4; j++) {
            p256_point_double(r, r);
        }
        const uint64_t digit = (uint64_t) (k[i / 2] >> (i % 2 == 0 ? 4 : 0)) & 15;
        p256_point chosen = table[0];
        for (uint64_t each = 1; each < 16; each++) {
            const uint64_t mask = p256_equal(each, digit);
            p256_pick(&chosen.x, &table[each].x, mask);
            p256_pick(&chosen.y, &table[each].y, mask);
            p256_pick(&chosen.z, &table[each].z, mask);
        }
        p256_point_add(r, r, &chosen);
        mbedtls_platform_zeroize(&chosen, sizeof(chosen));
    }
}

/* k times the generator: bit i of each quarter of k at a time. */
static void p256_times_generator(p256_point *r, const unsigned char k[32])
{
    *r = (p256_point) {{{0}}, p256_one, {{0}}};
    for (int i = 63; i >= 0; i--) {
        p256_point_double(r, r);
        uint64_t digit = 0;
        for (int quarter = 0; quarter < 4; quarter++) {
            digit |= (uint64_t) ((k[31 - 8 * quarter - i / 8] >> (i % 8)) & 1) << quarter;
        }
        p256_point chosen = {{{0}}, p256_one, {{0}}};
        for (uint64_t each = 1; each < 16; each++) {
            const uint64_t mask = p256_equal(each, digit);
            p256_pick(&chosen.x, &p256_comb[each - 1].x, mask);
            p256_pick(&chosen.y, &p256_comb[each - 1].y, mask);
        }
        p256_pick(&chosen.z, &p256_one, ~p256_equal(digit, 0));
        p256_point_add(r, r, &chosen);
        mbedtls_platform_zeroize(&chosen, sizeof(chosen));
    }
}

static int p256_read(p256_fe *r, const mbedtls_mpi *number)
{
    unsigned char bytes[32];
    const int ret = mbedtls_mpi_write_binary(number, bytes, sizeof(bytes));
    for (int i = 0; i < 4; i++) {
        r->w[i] = MBEDTLS_GET_UINT64_BE(bytes, 24 - 8 * i);
    }
    p256_mul(r, r, &p256_r2);
    return ret;
}

static int p256_write(mbedtls_mpi *number, const p256_fe *a)
{
    unsigned char bytes[32];
    const p256_fe unit = {{1}};
    p256_fe plain;
    p256_mul(&plain, a, &unit);
    for (int i = 0; i < 4; i++) {
        MBEDTLS_PUT_UINT64_BE(plain.w[i], bytes, 24 - 8 * i);
    }
    return mbedtls_mpi_read_binary(number, bytes, sizeof(bytes));
}

/* R = k P; the caller has checked that P is a point of the curve, and 0 < k < n. */
static int belay_p256_mul(const mbedtls_ecp_group *grp, mbedtls_ecp_point *R, const mbedtls_mpi *k,
                          const mbedtls_ecp_point *P)
{
    int ret = MBEDTLS_ERR_ERROR_CORRUPTION_DETECTED;
    unsigned char number[32];
    p256_point point, product;
    p256_fe inverse;
    MBEDTLS_MPI_CHK(mbedtls_mpi_write_binary(k, number, sizeof(number)));
    if (mbedtls_mpi_cmp_mpi(&P->X, &grp->G.X) == 0 && mbedtls_mpi_cmp_mpi(&P->Y, &grp->G.Y) == 0) {
        p256_times_generator(&product, number);
    } else {
        MBEDTLS_MPI_CHK(p256_read(&point.x, &P->X));
        MBEDTLS_MPI_CHK(p256_read(&point.y, &P->Y));
        point.z = p256_one;
        p256_times(&product, &point, number);
    }
    p256_invert(&inverse, &product.z);
    p256_mul(&product.x, &product.x, &inverse);
    p256_mul(&product.y, &product.y, &inverse);
    MBEDTLS_MPI_CHK(p256_write(&R->X, &product.x));
    MBEDTLS_MPI_CHK(p256_write(&R->Y, &product.y));
    MBEDTLS_MPI_CHK(mbedtls_mpi_lset(&R->Z, 1));
cleanup:
    mbedtls_platform_zeroize(number, sizeof(number));
    mbedtls_platform_zeroize(&product, sizeof(product));
    mbedtls_platform_zeroize(&inverse, sizeof(inverse));
    return ret;
}

#endif /* __SIZEOF_INT128__ */
