// What the written likelihoods and the engine know of each other.
#pragma once

#include "lanes.hpp"

struct Likelihood {
    const char *key;
    int parameters;
    Lanes (*value)(const Lanes *, const double *, int64_t, Lanes);
    Lanes (*score)(const Lanes *, const double *, int64_t, Lanes, Lanes *, Lanes *);
    Lanes (*check)(const Lanes *, const double *, int64_t, Lanes, Lanes *, Lanes *);
};

extern const Likelihood LIKELIHOODS[];
extern const int LIKELIHOOD_COUNT;
