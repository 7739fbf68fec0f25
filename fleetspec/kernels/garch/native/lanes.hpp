// A vector of doubles with one series a lane, and the functions a likelihood needs of it.
//
// Every operation works lane by lane, so a series' figures do not depend on its neighbours. Logarithm and exponential
// are within two units in the last place: argument reduction and minimax polynomials as in fdlibm (Sun Microsystems
// 1993), gamma functions by recurrence and Stirling's series (Abramowitz and Stegun 6.1, 6.3, 6.4).
#pragma once

#include <cstdint>
#include <cstring>
#include <limits>

#if defined(__AVX__)
#include <immintrin.h>
#endif

#ifndef LANES
#define LANES 4
#endif

typedef double Lanes __attribute__((vector_size(8 * LANES)));
typedef int64_t Mask __attribute__((vector_size(8 * LANES)));
typedef uint64_t Bits __attribute__((vector_size(8 * LANES)));

static inline Lanes lanes(double x) {
    Lanes all;
    for (int l = 0; l < LANES; ++l) all[l] = x;
    return all;
}
static inline Lanes lanes(Lanes x) { return x; }

static inline int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

static inline Lanes load(const double *y, int64_t t) {
    Lanes row;
    std::memcpy(&row, y + t * LANES, sizeof row);
    return row;
}

static inline Lanes select(Mask which, Lanes yes, Lanes no) { return which ? yes : no; }

// The second where either is NaN. Compilers do not see the instruction in the comparison.
#if LANES == 8 && defined(__AVX512F__)
static inline Lanes maximum(Lanes a, Lanes b) { return (Lanes)_mm512_max_pd((__m512d)a, (__m512d)b); }
static inline Lanes minimum(Lanes a, Lanes b) { return (Lanes)_mm512_min_pd((__m512d)a, (__m512d)b); }
#elif LANES == 4 && defined(__AVX__)
static inline Lanes maximum(Lanes a, Lanes b) { return (Lanes)_mm256_max_pd((__m256d)a, (__m256d)b); }
static inline Lanes minimum(Lanes a, Lanes b) { return (Lanes)_mm256_min_pd((__m256d)a, (__m256d)b); }
#else
static inline Lanes maximum(Lanes a, Lanes b) { return a > b ? a : b; }
static inline Lanes minimum(Lanes a, Lanes b) { return a < b ? a : b; }
#endif
static inline Lanes absolute(Lanes a) { return (Lanes)((Bits)a & 0x7fffffffffffffffULL); }

static inline Lanes sqrt(Lanes a) {
    Lanes root;
    for (int l = 0; l < LANES; ++l) root[l] = __builtin_sqrt(a[l]);
    return root;
}

// NaN where x is not positive, infinite where it is.
static inline Lanes log(Lanes x) {
    // Shifts are logical and the exponent becomes a double by its bits: AVX2 has neither the signed shift nor the
    // conversion of 64-bit integers. The exponent carries a bias of 1024 to stay positive.
    const Bits shifted = (Bits)x - 0x3fe6a09e667f3bcdULL + (1024ULL << 52), biased = shifted >> 52;
    const Lanes k = (Lanes)(biased | 0x4330000000000000ULL) - (4503599627370496.0 + 1024.0);
    const Lanes f = (Lanes)((Bits)x - ((biased - 1024ULL) << 52)) - 1.0;
    const Lanes s = f / (2.0 + f), z = s * s, w = z * z;
    const Lanes odd = w * (3.999999999940941908e-01 + w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01));
    const Lanes even = z * (6.666666666666735130e-01 +
                            w * (2.857142874366239149e-01 + w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01)));
    const Lanes half = 0.5 * f * f;
    const Lanes value = k * 6.93147180369123816490e-01 -
                        ((half - (s * (half + odd + even) + k * 1.90821492927058770002e-10)) - f);
    const Lanes finite = select(x < lanes(std::numeric_limits<double>::infinity()), value, x);
    return select(x > 0.0, finite, lanes(std::numeric_limits<double>::quiet_NaN()));
}

// Saturates near the ends of the range of doubles.
static inline Lanes exp(Lanes x) {
    x = minimum(maximum(x, lanes(-708.0)), lanes(709.0));
    const double shift = 6755399441055744.0;  // 1.5 * 2^52: rounds to an integer, which lies in the low bits
    const Lanes shifted = x * 1.44269504088896338700 + shift;
    const Lanes k = shifted - shift;
    const Lanes r = (x - k * 6.93147180369123816490e-01) - k * 1.90821492927058770002e-10;
    // Pairs first (Estrin): a chain of thirteen products would be waited for.
    const Lanes r2 = r * r, r4 = r2 * r2, r8 = r4 * r4;
    const Lanes p01 = 1.0 + r, p23 = 0.5 + r * (1.0 / 6.0), p45 = 1.0 / 24.0 + r * (1.0 / 120.0);
    const Lanes p67 = 1.0 / 720.0 + r * (1.0 / 5040.0), p89 = 1.0 / 40320.0 + r * (1.0 / 362880.0);
    const Lanes pab = 1.0 / 3628800.0 + r * (1.0 / 39916800.0), pcd = 1.0 / 479001600.0 + r * (1.0 / 6227020800.0);
    const Lanes series = (p01 + r2 * p23) + r4 * (p45 + r2 * p67) + r8 * ((p89 + r2 * pab) + r4 * pcd);
    return (Lanes)((Bits)series + ((Bits)shifted << 52));
}

// A sum of logs of positive numbers that are multiplied up: `fold` takes from the product what it has grown by before it
// leaves the range of doubles, and `closed` is the sum. NaN where a factor was negative.
#if LANES == 8 && defined(__AVX512F__)
// Binary exponents are summed, exactly, and one logarithm is taken at the end.
static inline void fold(Lanes &exponents, Lanes &product) {
    exponents = exponents + (Lanes)_mm512_getexp_pd((__m512d)product);
    product = (Lanes)_mm512_getmant_pd((__m512d)product, _MM_MANT_NORM_1_2, _MM_MANT_SIGN_nan);
}
static inline Lanes closed(Lanes exponents, Lanes product) {
    return exponents * 0.69314718055994530942 + log(product);
}
#else
static inline void fold(Lanes &logs, Lanes &product) {
    logs = logs + log(product);
    product = lanes(1.0);
}
static inline Lanes closed(Lanes logs, Lanes product) { return logs + log(product); }
#endif

// Of positive, finite numbers, to 2e-14, without a division, which takes a vector as long as twenty products.
#if LANES == 8 && defined(__AVX512F__)

// Sixteen numbers of which each lane takes the one that the low four bits of `at` name.
static inline Lanes looked_up(const double *table, Bits at) {
    return (Lanes)_mm512_permutex2var_pd(_mm512_loadu_pd(table), (__m512i)at, _mm512_loadu_pd(table + 8));
}

// By the first four bits of the mantissa m: log m = log(m / c) + log c with c the middle of their range, so that a short
// polynomial, interpolated at Chebyshev's nodes, is enough.
static inline Lanes quick_log(Lanes x) {
    static const double RECIPROCALS[16] = {
        0.9696969696969697, 0.9142857142857143, 0.8648648648648649, 0.8205128205128205,
        0.7804878048780488, 0.7441860465116279, 0.7111111111111111, 0.6808510638297872,
        0.6530612244897959, 0.6274509803921569, 0.6037735849056604, 0.5818181818181818,
        0.5614035087719298, 0.5423728813559322, 0.5245901639344263, 0.5079365079365079};
    static const double LOGS[16] = {
        0.03077165866675366, 0.08961215868968717, 0.14518200984449783, 0.19782574332991992,
        0.2478361639045812,  0.2954642128938359,  0.3409265869705932,  0.38441169891033206,
        0.42608439531090014, 0.46608972992459924, 0.5045560107523953,  0.5415972824327444,
        0.5773153650348236,  0.6118015411059929,  0.6451379613735847,  0.6773988235918061};
    const Bits at = (Bits)x >> 48;
    const Lanes k = (Lanes)_mm512_getexp_pd((__m512d)x);
    const Lanes m = (Lanes)_mm512_getmant_pd((__m512d)x, _MM_MANT_NORM_1_2, _MM_MANT_SIGN_zero);
    const Lanes f = m * looked_up(RECIPROCALS, at) - 1.0, f2 = f * f;
    const Lanes p01 = 0.3333333333333333 - f * 0.24999996703119556, p23 = 0.19999997069378422 - f * 0.16681025240276537;
    const Lanes series = p01 + f2 * (p23 + f2 * 0.14298477675451135);
    return (k * 0.69314718055994530942 + looked_up(LOGS, at)) + (f - f2 * (0.5 - f * series));
}

// To 2e-14, by sixteenths of powers of two; infinite or zero beyond the range of doubles.
static inline Lanes quick_exp(Lanes x) {
    static const double POWERS[16] = {
        1.0,                1.0442737824274138, 1.0905077326652577, 1.1387886347566916,
        1.189207115002721,  1.241857812073484,  1.2968395546510096, 1.3542555469368927,
        1.4142135623730951, 1.4768261459394993, 1.5422108254079407, 1.6104903319492543,
        1.681792830507429,  1.7562521603732995, 1.8340080864093424, 1.9152065613971474};
    const double shift = 6755399441055744.0 / 16.0;  // 1.5 * 2^48: rounds to a sixteenth, whose number lies in the low bits
    const Lanes shifted = x * 1.44269504088896338700 + shift;
    const Lanes k = shifted - shift;
    const Lanes r = x - k * 6.93147180559945309417e-01, r2 = r * r;
    const Lanes p01 = 0.4999999999617807 + r * 0.16666666666120677, p23 = 0.04166731832755018 + r * 0.0083334264275936;
    const Lanes series = (1.0 + r) + r2 * (p01 + r2 * p23);
    return (Lanes)_mm512_scalef_pd((__m512d)(series * looked_up(POWERS, (Bits)shifted)), (__m512d)k);
}

#else

// log(1 + f) = f - f^2 / 2 + f^3 P(f) with P interpolated at Chebyshev's nodes of the mantissa's range.
static inline Lanes quick_log(Lanes x) {
    const Bits shifted = (Bits)x - 0x3fe6a09e667f3bcdULL + (1024ULL << 52), biased = shifted >> 52;
    const Lanes k = (Lanes)(biased | 0x4330000000000000ULL) - (4503599627370496.0 + 1024.0);
    const Lanes f = (Lanes)((Bits)x - ((biased - 1024ULL) << 52)) - 1.0;
    const Lanes f2 = f * f, f4 = f2 * f2, f8 = f4 * f4;
    const Lanes p01 = 0.33333333333352627 - f * 0.2499999999867871, p23 = 0.19999999980522123 - f * 0.16666667051318582;
    const Lanes p45 = 0.14285717668736875 - f * 0.12499969433813898, p67 = 0.1111088349318966 - f * 0.10000953786734261;
    const Lanes p89 = 0.09098288974656349 - f * 0.08322159925307124;
    const Lanes pab = 0.07570798143187561 - f * 0.07127949052581894;
    const Lanes pce = 0.07605896844297506 - f * 0.07432355424290839 + f2 * 0.03767538348469331;
    const Lanes series = (p01 + f2 * p23) + f4 * (p45 + f2 * p67) + f8 * ((p89 + f2 * pab) + f4 * pce);
    return k * 0.69314718055994530942 + (f - f2 * (0.5 - f * series));
}

static inline Lanes quick_exp(Lanes x) { return exp(x); }

#endif

static inline bool any(Mask which) {
#if LANES == 8 && defined(__AVX512DQ__)
    return _mm512_movepi64_mask((__m512i)which) != 0;
#elif LANES == 4 && defined(__AVX__)
    return _mm256_movemask_pd((__m256d)which) != 0;
#else
    int64_t found = 0;
    for (int l = 0; l < LANES; ++l) found |= which[l];
    return found != 0;
#endif
}

// To 7e-14, soonest where all arguments are small: interpolated at Chebyshev's nodes up to 0.75.
static inline Lanes small_exp(Lanes x) {
    const Lanes x2 = x * x, x4 = x2 * x2;
    const Lanes p01 = 0.999999999999968 + x, p23 = 0.5000000000041129 + x * 0.1666666666668426;
    const Lanes p45 = 0.041666666581211126 + x * 0.00833333332861469;
    const Lanes p67 = 0.0013888895386175977 + x * 0.00019841273910723838;
    const Lanes p89 = 2.479935463313308e-05 + x * 2.755579487084594e-06;
    const Lanes pab = 2.7910587308710674e-07 + x * 2.5309719345315354e-08;
    const Lanes near = (p01 + x2 * p23) + x4 * ((p45 + x2 * p67) + x4 * (p89 + x2 * pab));
    const Mask far = !(absolute(x) < 0.75);
    return __builtin_expect(any(far), 0) ? select(far, exp(x), near) : near;
}

static Lanes log_gamma(Lanes x) {
    Lanes product = x;
    for (int i = 1; i < 8; ++i) product = product * (x + double(i));
    const Lanes z = x + 8.0, f = 1.0 / (z * z);
    const Lanes series =
        (1.0 / 12 - f * (1.0 / 360 - f * (1.0 / 1260 - f * (1.0 / 1680 - f * (1.0 / 1188 - f * (691.0 / 360360)))))) / z;
    return (z - 0.5) * log(z) - z + 0.91893853320467274178 + series - log(product);
}

static Lanes digamma(Lanes x) {
    Lanes shift = lanes(0.0);
    for (int i = 0; i < 8; ++i) shift = shift - 1.0 / (x + double(i));
    const Lanes z = x + 8.0, f = 1.0 / (z * z);
    const Lanes series = f * (1.0 / 12 - f * (1.0 / 120 - f * (1.0 / 252 - f * (1.0 / 240 - f / 132.0))));
    return shift + log(z) - 0.5 / z - series;
}

static Lanes trigamma(Lanes x) {
    Lanes shift = lanes(0.0);
    for (int i = 0; i < 8; ++i) {
        const Lanes z = x + double(i);
        shift = shift + 1.0 / (z * z);
    }
    const Lanes z = 1.0 / (x + 8.0), f = z * z;
    return shift + z + 0.5 * f + z * f * (1.0 / 6 - f * (1.0 / 30 - f * (1.0 / 42 - f / 30.0)));
}
