/*
 * Threads for calls that block: file operations without io_uring, folders,
 * and what rt_offload() is given.
 */
#include "rt/proc_int.h"

#include <signal.h>

void proc__pool_init(struct pool *p, uint32_t threads_max)
{
    assert(threads_max <= POOL_THREADS_MAX);
    *p = (struct pool){ .threads_max = threads_max };
    p->last = &p->first;
    pthread_mutex_init(&p->mutex, NULL);
    pthread_cond_init(&p->more, NULL);
}

static void *pool_thread(void *arg)
{
    struct pool *p = arg;
    pthread_mutex_lock(&p->mutex);
    for (;;) {
        struct job *job = p->first;
        if (job != NULL) {
            p->first = job->next;
            if (p->first == NULL)
                p->last = &p->first;
            pthread_mutex_unlock(&p->mutex);
            job->fn(job->arg);
            rt_future_set(&job->done, 0); /* the job is gone now */
            pthread_mutex_lock(&p->mutex);
        } else if (p->stop) {
            break;
        } else {
            p->idle++;
            pthread_cond_wait(&p->more, &p->mutex);
            p->idle--;
        }
    }
    pthread_mutex_unlock(&p->mutex);
    return NULL;
}

/* Signals are for the threads of the program. */
static void start_thread(struct pool *p)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &old);
    if (pthread_create(&p->threads[p->threads_count], NULL, pool_thread, p) == 0)
        p->threads_count++;
    else if (p->threads_count == 0)
        panic("cannot start a helper thread");
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void proc__pool_call(struct pool *p, void (*fn)(void *), void *arg)
{
    struct job job = { .fn = fn, .arg = arg };
    pthread_mutex_lock(&p->mutex);
    *p->last = &job;
    p->last = &job.next;
    if (p->idle > 0)
        pthread_cond_signal(&p->more);
    else if (p->threads_count < p->threads_max)
        start_thread(p);
    pthread_mutex_unlock(&p->mutex);
    (void)rt_future_wait(&job.done, RT_FOREVER, false, NULL);
}

void proc__pool_fini(struct pool *p)
{
    pthread_mutex_lock(&p->mutex);
    p->stop = true;
    pthread_cond_broadcast(&p->more);
    pthread_mutex_unlock(&p->mutex);
    for (uint32_t i = 0; i < p->threads_count; i++)
        pthread_join(p->threads[i], NULL);
    pthread_mutex_destroy(&p->mutex);
    pthread_cond_destroy(&p->more);
}
