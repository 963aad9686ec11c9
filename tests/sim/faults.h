/*
 * What goes wrong while clients work, short of deaths: broken connections,
 * short partitions and pauses, drifting clocks; planned leaving and joining;
 * checkpoints at any moment. A cluster lives through all of it.
 */
#ifndef SIM_FAULTS_H
#define SIM_FAULTS_H

#include "world.h"

struct faults {
    struct world *w;
    bool restless; /* all that there is, without a pause */
    bool breaks, partitions, pauses, drift, come_and_go, checkpoints;
    bool stop; /* set by the scenario; the fibers then end */
    uint32_t running; /* fibers */
};

void faults_draw(struct faults *f, struct world *w, bool restless); /* from the seed */
void faults_start(struct faults *f);
void faults_stop(struct faults *f) MAY_YIELD; /* heals what is cut, brings back who has left */

#endif
