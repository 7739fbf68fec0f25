// The state machine of optimiser.py, one a lane. A change there is a change here.
#pragma once

#include <cmath>
#include <cstdint>

constexpr int MOST_PARAMETERS = 16;
constexpr int MOST_CONSTRAINTS = 32;

enum Outcome { CONVERGED = 0, STALLED = 1, OUT_OF_ITERATIONS = 2, NOT_FINITE = 3 };
constexpr int SCORING_STEPS = 4;
constexpr int ANEW = 10;
constexpr int BEGUN = 3;
constexpr int MOST_HALVINGS = 7;
constexpr int MOST_CHANGES = 60;
constexpr double SUFFICIENT = 1e-4;
constexpr double TIGHT = 1e-12;
constexpr double RIDGE = 1e-10;
constexpr double REDUNDANT = 1e-14;

typedef double Square[MOST_PARAMETERS][MOST_PARAMETERS];

struct Region {
    int parameters, constraints, frozen, restarts, iterations;
    double tolerance;
    double A[MOST_CONSTRAINTS][MOST_PARAMETERS], b[MOST_CONSTRAINTS];
    int bounded[MOST_CONSTRAINTS];  // the parameter that a row alone is about, or -1

    // Row r times v, added to what there is.
    double added(double sum, int r, const double *v) const {
        if (bounded[r] >= 0) return sum + A[r][bounded[r]] * v[bounded[r]];
        for (int i = 0; i < parameters; ++i) sum += A[r][i] * v[i];
        return sum;
    }
};

// Without what is held.
static void factored(const Square &matrix, const bool *held, Square &lower, int size) {
    for (int i = 0; i < size; ++i)
        for (int j = 0; j <= i; ++j) {
            if (held[i] || held[j]) {
                lower[i][j] = i == j ? 1.0 : 0.0;
                continue;
            }
            double rest = matrix[i][j];
            for (int k = 0; k < j; ++k) rest -= lower[i][k] * lower[j][k];
            if (i == j) {
                const double least = RIDGE * std::fabs(matrix[i][i]) + 1e-12;
                if (!(rest > least)) rest = 1e-3 * std::fabs(matrix[i][i]) + 1e-3;
                lower[i][i] = 1.0 / std::sqrt(rest);
            } else {
                lower[i][j] = rest * lower[j][j];
            }
        }
}

// In its place; what the others contain gets a zero, so no multiplier.
static void factored_gram(Square &gram, int size) {
    for (int i = 0; i < size; ++i)
        for (int j = 0; j <= i; ++j) {
            double rest = gram[i][j];
            for (int k = 0; k < j; ++k) rest -= gram[i][k] * gram[j][k];
            if (i == j)
                gram[i][i] = rest > REDUNDANT * std::fabs(gram[i][i]) ? 1.0 / std::sqrt(rest) : 0.0;
            else
                gram[i][j] = rest * gram[j][j];
        }
}

static void solved(const Square &lower, const double *right, int size, double *out) {
    for (int i = 0; i < size; ++i) {
        double rest = right[i];
        for (int k = 0; k < i; ++k) rest -= lower[i][k] * out[k];
        out[i] = rest * lower[i][i];
    }
    for (int i = size - 1; i >= 0; --i) {
        double rest = out[i];
        for (int k = i + 1; k < size; ++k) rest -= lower[k][i] * out[k];
        out[i] = rest * lower[i][i];
    }
}

struct Minimisation {
    int64_t row;
    double x[MOST_PARAMETERS], g[MOST_PARAMETERS], d[MOST_PARAMETERS], trial[MOST_PARAMETERS];
    double kept[MOST_PARAMETERS * (MOST_PARAMETERS + 1) / 2];
    Square B;
    double value, length, slope;
    int phase, scorings, count, iterations, halvings, restarts, outcome, evaluations, active[MOST_PARAMETERS + 1];

    void begin(int64_t at, const double *start, int n) {
        row = at;
        value = length = slope = INFINITY;
        phase = scorings = count = iterations = halvings = restarts = outcome = evaluations = 0;
        for (int i = 0; i < n; ++i) x[i] = trial[i] = start[i];
    }

    void spread(const double *packed, const Region &region) {
        const int n = region.parameters;
        for (int i = 0, at = 0; i < n; ++i)
            for (int j = 0; j <= i; ++j, ++at) B[i][j] = B[j][i] = packed[at];
        for (int i = 0; i < region.frozen; ++i) {
            for (int j = 0; j < n; ++j) B[i][j] = B[j][i] = 0.0;
            B[i][i] = 1.0;
        }
    }

    // Where the active rows hold it. Bounds take their parameter out of the system: see optimiser.py.
    void targeted(const Region &region, const double *slack, int tight, double *target, double *multipliers) const {
        const int n = region.parameters;
        Square lower, pulls, gram;
        double right[MOST_PARAMETERS], loads[MOST_PARAMETERS];
        bool held[MOST_PARAMETERS];
        int which[MOST_PARAMETERS + 1], others = 0;
        for (int i = 0; i < n; ++i) {
            held[i] = false;
            target[i] = 0.0;
        }
        for (int a = 0; a < tight; ++a) {
            const int at = region.bounded[active[a]];
            if (at >= 0) {
                held[at] = true;
                target[at] = -slack[active[a]] / region.A[active[a]][at];
            } else {
                which[others++] = a;
            }
        }
        factored(B, held, lower, n);
        for (int i = 0; i < n; ++i) {
            right[i] = target[i];
            if (held[i]) continue;
            right[i] = -g[i];
            for (int j = 0; j < n; ++j)
                if (held[j]) right[i] -= B[i][j] * target[j];
        }
        solved(lower, right, n, target);
        for (int c = 0; c < others; ++c) {
            const double *normal = region.A[active[which[c]]];
            for (int i = 0; i < n; ++i) right[i] = held[i] ? 0.0 : normal[i];
            solved(lower, right, n, pulls[c]);
            loads[c] = -slack[active[which[c]]];
            for (int i = 0; i < n; ++i) loads[c] -= normal[i] * target[i];
            for (int e = 0; e <= c; ++e) {
                double product = 0.0;
                for (int i = 0; i < n; ++i) product += region.A[active[which[e]]][i] * pulls[c][i];
                gram[c][e] = product;
            }
        }
        if (others) {
            factored_gram(gram, others);
            solved(gram, loads, others, right);
            for (int c = 0; c < others; ++c) {
                loads[c] = right[c];
                for (int i = 0; i < n; ++i) target[i] += right[c] * pulls[c][i];
            }
        }
        for (int c = 0; c < others; ++c) multipliers[which[c]] = loads[c];
        for (int a = 0; a < tight; ++a) {
            const int at = region.bounded[active[a]];
            if (at < 0) continue;
            double rest = g[at];
            for (int j = 0; j < n; ++j) rest += B[at][j] * target[j];
            for (int c = 0; c < others; ++c) rest -= loads[c] * region.A[active[which[c]]][at];
            multipliers[a] = rest / region.A[active[a]][at];
        }
    }

    int stepped(const Region &region, const double *slack, int tight) {
        const int n = region.parameters;
        double target[MOST_PARAMETERS], multipliers[MOST_PARAMETERS + 1];
        for (int i = 0; i < n; ++i) d[i] = 0.0;
        for (int change = 0; change < MOST_CHANGES; ++change) {
            targeted(region, slack, tight, target, multipliers);
            double share = 1.0, towards[MOST_PARAMETERS];
            for (int i = 0; i < n; ++i) towards[i] = target[i] - d[i];
            int blocking = -1;
            for (int r = 0; r < region.constraints; ++r) {
                bool known = false;
                for (int a = 0; a < tight; ++a) known = known || active[a] == r;
                if (known) continue;
                const double moved = region.added(0.0, r, towards), room = region.added(slack[r], r, d);
                if (moved < -1e-14 && room + share * moved < 0.0) {
                    share = (room > 0.0 ? room : 0.0) / -moved;
                    blocking = r;
                }
            }
            for (int i = 0; i < n; ++i) d[i] += share * towards[i];
            if (blocking >= 0) {
                if (tight == n) return tight;
                active[tight++] = blocking;
                continue;
            }
            double worst = -1e-9;
            int leaving = -1;
            for (int a = 0; a < tight; ++a)
                if (multipliers[a] < worst) {
                    worst = multipliers[a];
                    leaving = a;
                }
            if (leaving < 0) return tight;
            for (int a = leaving; a + 1 < tight; ++a) active[a] = active[a + 1];
            --tight;
        }
        return tight;
    }

    void updated(const double *step, double *change, int n) {
        double product[MOST_PARAMETERS], curvature = 0.0, seen = 0.0;
        for (int i = 0; i < n; ++i) {
            double total = 0.0;
            for (int j = 0; j < n; ++j) total += B[i][j] * step[j];
            product[i] = total;
            curvature += total * step[i];
            seen += step[i] * change[i];
        }
        if (!(curvature > 0.0)) return;
        const double trust = seen < 0.2 * curvature ? 0.8 * curvature / (curvature - seen) : 1.0;
        seen = 0.0;
        for (int i = 0; i < n; ++i) {
            change[i] = trust * change[i] + (1.0 - trust) * product[i];
            seen += step[i] * change[i];
        }
        for (int i = 0; i < n; ++i)
            for (int j = 0; j < n; ++j) B[i][j] += change[i] * change[j] / seen - product[i] * product[j] / curvature;
    }

    bool proposed(const Region &region) {
        const int n = region.parameters;
        if (iterations >= region.iterations) {
            outcome = OUT_OF_ITERATIONS;
            return false;
        }
        ++iterations;
        double slack[MOST_CONSTRAINTS];
        for (int r = 0; r < region.constraints; ++r) {
            const double room = region.added(-region.b[r], r, x);
            slack[r] = room > 0.0 ? room : 0.0;
        }
        int tight = 0;
        for (int a = 0; a < count; ++a)
            if (slack[active[a]] <= TIGHT) active[tight++] = active[a];
        count = stepped(region, slack, tight);
        slope = 0.0;
        for (int i = 0; i < n; ++i) slope += g[i] * d[i];
        if (!(slope < -region.tolerance)) {
            outcome = slope == slope ? CONVERGED : NOT_FINITE;
            return false;
        }
        length = 1.0;
        halvings = 0;
        phase = 1;
        for (int i = 0; i < n; ++i) trial[i] = x[i] + d[i];
        return true;
    }

    // Takes an evaluation at `trial`; false: finished at `x`.
    bool advance(double found, double *gradient, const double *packed, const Region &region) {
        const int n = region.parameters, size = n * (n + 1) / 2;
        ++evaluations;
        for (int i = 0; i < region.frozen; ++i) gradient[i] = 0.0;
        if (phase == 0) {
            if (!(std::fabs(found) < 1e300)) {
                outcome = NOT_FINITE;
                return false;
            }
            value = found;
            scorings = 1;
            for (int i = 0; i < n; ++i) {
                x[i] = trial[i];
                g[i] = gradient[i];
            }
            for (int i = 0; i < size; ++i) kept[i] = packed[i];
            spread(packed, region);
            return proposed(region);
        }
        if (!(found <= value + SUFFICIENT * length * slope)) {
            if (++halvings > MOST_HALVINGS) {
                if (restarts >= region.restarts || iterations <= SCORING_STEPS) {
                    outcome = STALLED;
                    return false;
                }
                ++restarts;
                count = 0;
                spread(kept, region);
                return proposed(region);
            }
            double shorter = 0.1 * length;
            if (std::fabs(found) < 1e300) {
                const double fitted = -slope * length * length / (2.0 * (found - value - slope * length));
                shorter = std::fmin(std::fmax(fitted, 0.1 * length), 0.5 * length);
            }
            length = shorter;
            for (int i = 0; i < n; ++i) trial[i] = x[i] + shorter * d[i];
            return true;
        }
        for (int i = 0; i < size; ++i) kept[i] = packed[i];
        if (scorings < SCORING_STEPS || iterations % ANEW == 0) {
            ++scorings;
            spread(packed, region);
        } else {
            double step[MOST_PARAMETERS], change[MOST_PARAMETERS];
            for (int i = 0; i < n; ++i) {
                step[i] = length * d[i];
                change[i] = gradient[i] - g[i];
            }
            updated(step, change, n);
        }
        value = found;
        for (int i = 0; i < n; ++i) {
            x[i] = trial[i];
            g[i] = gradient[i];
        }
        return proposed(region);
    }
};
