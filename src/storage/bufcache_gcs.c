#include "storage/buf_int.h"

void buf__gcs_attach(struct bufcache *bc)
{
    panic("no GCS yet");
}

void buf__gcs_ask(struct bufcache *bc, struct bent *e, const struct buf_waiter *w)
{
}

void buf__gcs_release(struct bufcache *bc, struct bent *e)
{
}

bool buf__gcs_evict(struct bufcache *bc, struct bent *e)
{
    return false;
}

void buf__gcs_written(struct bufcache *bc, struct bent *e)
{
}

void buf__gcs_ask_write(struct bufcache *bc, struct bent *e)
{
}

void buf__gcs_serve_copies(struct bufcache *bc, struct part *p, struct bent *e)
{
}
