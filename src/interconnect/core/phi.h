/*
 * Phi accrual failure detector (Hayashibara et al., 2004): how unlikely is it
 * that a peer that has been silent for this long still lives?
 *
 *     phi(t) = -log10(P(the next heartbeat comes later than t))
 *
 * with the arrival intervals of a sliding window taken as normally distributed
 * around their mean, with a minimum deviation. It only suspects; who is out of
 * the cluster is decided elsewhere.
 *
 * P1 An interval in which this node itself slept is not the peer's: the caller
 *    says so with phi_discard(), and it neither counts as silence nor enters
 *    the window.
 *
 * Pure: time comes in. Belongs to one caller.
 */
#ifndef INTERCONNECT_CORE_PHI_H
#define INTERCONNECT_CORE_PHI_H

#include "base/base.h"

#define PHI_WINDOW_MAX 128u
#define PHI_LIMIT 300.0 /* phi is never reported higher: the tail probability underflows */

struct phi_options {
    uint32_t window; /* intervals that count: 1..PHI_WINDOW_MAX */
    uint64_t expected_ns; /* interval at which the peer sends: the window starts with it */
    uint64_t deviation_min_ns;
};

struct phi {
    struct phi_options opt;
    uint64_t interval_ns[PHI_WINDOW_MAX];
    uint32_t n, next;
    uint64_t last_ns; /* when the peer was heard, or when watching began */
};

void phi_init(struct phi *p, const struct phi_options *opt, uint64_t now_ns);
void phi_heartbeat(struct phi *p, uint64_t now_ns);
void phi_discard(struct phi *p, uint64_t now_ns); /* P1: silence is counted from now on */
double phi_value(const struct phi *p, uint64_t now_ns);
uint64_t phi_silent_ns(const struct phi *p, uint64_t now_ns);

#endif
