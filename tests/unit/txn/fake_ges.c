#include "ges/ges.h"
struct ges_owner *ges_owner_new(struct ges *g, const char *name) { return NULL; }
void ges_owner_free(struct ges_owner *o) {}
void ges_owner_set_xid(struct ges_owner *o, struct xid xid, uint64_t begun_scn) {}
uint64_t ges_mark(const struct ges_owner *o) { return 0; }
void ges_unlock_since(struct ges_owner *o, uint64_t mark) {}
enum err ges_wait_txn(struct ges_owner *o, struct xid x, uint64_t deadline, struct diag *d) { return ERR_OK; }
void ges_txn_ended(struct ges *g, struct xid x) {}
void ges_set_txn_hooks(struct ges *g, const struct ges_txn_hooks *h) {}
