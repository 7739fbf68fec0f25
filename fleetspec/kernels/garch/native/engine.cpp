// The engine's three functions for ctypes. Rows fill lanes; a lane whose row has finished takes the next.
//
// Arrays are C-contiguous float64 or int64: y (rows, length), presample (rows,), limits (rows, width), points
// (rows, parameters). `rows` lists which rows of y are worked on. Nothing is global but the table, so calls may run on
// several threads.
//
// `held` (row_count, means), or null, are means that do not move, a constant and lags: the likelihood is then one without
// a mean, and points and constraints leave the mean out.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

#include "likelihood.hpp"
#include "optimiser.hpp"

namespace {

// Observations of as many rows as there are lanes, (length, lanes), aligned for whole-vector loads.
struct Columns {
    double *data;
    int64_t length;

    explicit Columns(int64_t observations) : length(observations) {
        const size_t size = (sizeof(double) * LANES * observations + 63) / 64 * 64;
        data = static_cast<double *>(std::aligned_alloc(64, size ? size : 64));
        if (data) std::memset(data, 0, size);
    }
    ~Columns() { std::free(data); }
    Columns(const Columns &) = delete;
    Columns &operator=(const Columns &) = delete;

    void fill(int lane, const double *row) {
        for (int64_t t = 0; t < length; ++t) data[t * LANES + lane] = row[t];
    }

    // Residuals of a mean equation: a constant and lags.
    void fill(int lane, const double *row, const double *mean, int lags) {
        for (int64_t t = 0; t < length; ++t) {
            double e = row[t + lags] - mean[0];
            for (int k = 1; k <= lags; ++k) e -= mean[k] * row[t + lags - k];
            data[t * LANES + lane] = e;
        }
    }
};

}  // namespace

#define EXPORTED extern "C" __attribute__((visibility("default")))

EXPORTED int garch_find(const char *key) {
    for (int i = 0; i < LIKELIHOOD_COUNT; ++i)
        if (std::strcmp(LIKELIHOODS[i].key, key) == 0) return i;
    return -1;
}

EXPORTED int garch_values(int which, const double *y, int64_t length, int64_t count, const double *presample,
                          const int64_t *rows, int64_t row_count, const double *candidates, int64_t candidate_count,
                          int shared, double *out) {
    const Likelihood &likelihood = LIKELIHOODS[which];
    const int n = likelihood.parameters;
    Columns columns(length);
    if (!columns.data) return 1;
    for (int64_t first = 0; first < row_count; first += LANES) {
        const int live = row_count - first < LANES ? int(row_count - first) : LANES;
        Lanes before, x[MOST_PARAMETERS];
        for (int l = 0; l < LANES; ++l) {
            const int64_t row = rows[first + (l < live ? l : live - 1)];
            columns.fill(l, y + row * length);
            before[l] = presample[row];
        }
        for (int64_t k = 0; k < candidate_count; ++k) {
            for (int l = 0; l < LANES; ++l) {
                const int64_t at = shared ? 0 : first + (l < live ? l : live - 1);
                const double *point = candidates + (at * candidate_count + k) * n;
                for (int i = 0; i < n; ++i) x[i][l] = point[i];
            }
            const Lanes value = likelihood.value(x, columns.data, count, before);
            for (int l = 0; l < live; ++l) out[(first + l) * candidate_count + k] = value[l];
        }
    }
    return 0;
}

EXPORTED int garch_minimise(int which, const double *y, int64_t length, int64_t count, const double *presample,
                            const int64_t *rows, int64_t row_count, const double *starts, const double *A,
                            const double *b, int constraints, int frozen, int restarts, double tolerance, int iterations,
                            const double *known, const double *known_values, int first, int last, double radius,
                            const double *held, int means, double *out, double *reached, int64_t *outcomes, int64_t *evaluations) {
    const Likelihood &likelihood = LIKELIHOODS[which];
    const int n = likelihood.parameters;
    if (n > MOST_PARAMETERS || constraints > MOST_CONSTRAINTS) return 2;
    Region region;
    region.parameters = n;
    region.constraints = constraints;
    region.frozen = frozen;
    region.restarts = restarts;
    region.tolerance = tolerance;
    region.iterations = iterations;
    for (int r = 0; r < constraints; ++r) {
        int about = 0;
        for (int i = 0; i < n; ++i) {
            region.A[r][i] = A[r * n + i];
            if (region.A[r][i] != 0.0 && about++ == 0) region.bounded[r] = i;
        }
        if (about != 1) region.bounded[r] = -1;
        region.b[r] = b[r];
    }
    Columns columns(held ? count : length);
    Minimisation *lanes_of = new (std::nothrow) Minimisation[LANES];
    if (!columns.data || !lanes_of) {
        delete[] lanes_of;
        return 1;
    }
    // Whether a lane is near the minimum that is known of its row: see preparation.Known.
    const auto leads = [&](const Minimisation &lane) {
        if (!known || lane.evaluations <= BEGUN || !(lane.value >= known_values[lane.row])) return false;
        for (int i = first; i < last; ++i)
            if (!(std::fabs(lane.x[i] - known[lane.row * n + i]) <= radius)) return false;
        return true;
    };
    Lanes before = lanes(1.0), x[MOST_PARAMETERS], g[MOST_PARAMETERS], F[MOST_PARAMETERS * (MOST_PARAMETERS + 1) / 2];
    int64_t next = 0, filled[LANES];  // which job a lane's columns were filled for
    std::fill_n(filled, LANES, -1);
    int live = 0;
    const auto take = [&](int l) {
        if (next == row_count) {
            lanes_of[l].row = -1;
            return;
        }
        const double *mean = held ? held + next * means : nullptr;
        const bool same = filled[l] >= 0 && rows[filled[l]] == rows[next];
        if (!same || (held && !std::equal(mean, mean + means, held + filled[l] * means))) {
            if (held)
                columns.fill(l, y + rows[next] * length, mean, means - 1);
            else
                columns.fill(l, y + rows[next] * length);
        }
        filled[l] = next;
        before[l] = presample[rows[next]];
        lanes_of[l].begin(next, starts + next * n, n);
        ++next;
        ++live;
    };
    for (int i = 0; i < n && row_count; ++i) x[i] = lanes(starts[i]);
    for (int l = 0; l < LANES; ++l) take(l);
    while (live) {
        for (int l = 0; l < LANES; ++l)
            if (lanes_of[l].row >= 0)
                for (int i = 0; i < n; ++i) x[i][l] = lanes_of[l].trial[i];
        const Lanes value = likelihood.score(x, columns.data, count, before, g, F);
        for (int l = 0; l < LANES; ++l) {
            Minimisation &lane = lanes_of[l];
            if (lane.row < 0) continue;
            double gradient[MOST_PARAMETERS], packed[MOST_PARAMETERS * (MOST_PARAMETERS + 1) / 2];
            for (int i = 0; i < n; ++i) gradient[i] = g[i][l];
            for (int i = 0; i < n * (n + 1) / 2; ++i) packed[i] = F[i][l];
            if (lane.advance(value[l], gradient, packed, region)) {
                if (!leads(lane)) continue;
                lane.outcome = OUT_OF_ITERATIONS;
            }
            for (int i = 0; i < n; ++i) out[lane.row * n + i] = lane.x[i];
            reached[lane.row] = lane.value;
            outcomes[lane.row] = lane.outcome;
            evaluations[lane.row] = lane.evaluations;
            --live;
            take(l);
        }
    }
    delete[] lanes_of;
    return 0;
}

EXPORTED int garch_checks(int which, const double *y, int64_t length, int64_t count, const double *presample,
                          const int64_t *rows, int64_t row_count, const double *points, const double *limits, int width,
                          double *margins, double *growths) {
    const Likelihood &likelihood = LIKELIHOODS[which];
    const int n = likelihood.parameters;
    if (width > MOST_PARAMETERS) return 2;
    Columns columns(length);
    if (!columns.data) return 1;
    for (int64_t first = 0; first < row_count; first += LANES) {
        const int live = row_count - first < LANES ? int(row_count - first) : LANES;
        Lanes before, x[MOST_PARAMETERS], limit[MOST_PARAMETERS], margin[1];
        for (int l = 0; l < LANES; ++l) {
            const int64_t at = first + (l < live ? l : live - 1), row = rows[at];
            columns.fill(l, y + row * length);
            before[l] = presample[row];
            for (int i = 0; i < n; ++i) x[i][l] = points[at * n + i];
            for (int i = 0; i < width; ++i) limit[i][l] = limits[row * width + i];
        }
        const Lanes growth = likelihood.check(x, columns.data, count, before, limit, margin);
        for (int l = 0; l < live; ++l) {
            margins[first + l] = margin[0][l];
            growths[first + l] = growth[l];
        }
    }
    return 0;
}
