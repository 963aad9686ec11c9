#include "interconnect/core/phi.h"

#include <math.h>

void phi_init(struct phi *p, const struct phi_options *opt, uint64_t now_ns)
{
    assert(opt->window >= 1);
    assert(opt->window <= PHI_WINDOW_MAX);
    *p = (struct phi){ .opt = *opt, .last_ns = now_ns };
    p->interval_ns[p->n++] = opt->expected_ns;
    p->next = p->n % opt->window;
}

static void add_interval(struct phi *p, uint64_t ns)
{
    p->interval_ns[p->next] = ns;
    p->next = (p->next + 1) % p->opt.window;
    p->n = MIN(p->n + 1, p->opt.window);
}

/* P2 */
static bool is_rhythm(const struct phi *p, uint64_t interval_ns)
{
    return interval_ns >= p->opt.expected_ns / 4;
}

void phi_heartbeat(struct phi *p, uint64_t now_ns)
{
    const uint64_t interval = phi_silent_ns(p, now_ns);
    if (is_rhythm(p, interval))
        add_interval(p, interval);
    p->last_ns = MAX(p->last_ns, now_ns);
}

void phi_discard(struct phi *p, uint64_t now_ns)
{
    p->last_ns = MAX(p->last_ns, now_ns);
}

uint64_t phi_silent_ns(const struct phi *p, uint64_t now_ns)
{
    return now_ns > p->last_ns ? now_ns - p->last_ns : 0;
}

double phi_value(const struct phi *p, uint64_t now_ns)
{
    double sum = 0;
    double squares = 0;
    for (uint32_t i = 0; i < p->n; i++)
        sum += (double)p->interval_ns[i];
    const double mean = sum / p->n;
    for (uint32_t i = 0; i < p->n; i++)
        squares += ((double)p->interval_ns[i] - mean) * ((double)p->interval_ns[i] - mean);
    const double deviation = MAX(sqrt(squares / p->n), (double)p->opt.deviation_min_ns);
    const double later = 0.5 * erfc(((double)phi_silent_ns(p, now_ns) - mean) / (deviation * M_SQRT2));
    return later > 0 ? MIN(-log10(later), PHI_LIMIT) : PHI_LIMIT;
}
