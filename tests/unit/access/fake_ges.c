/* Until ges/ is there: an instance alone never gets here, but the linker asks. */
#include "ges/ges.h"
void ges_owner_free(struct ges_owner *o) {}
void ges_owner_set_xid(struct ges_owner *o, struct xid xid, uint64_t begun_scn) {}
struct ges_owner *ges_owner_new(struct ges *g, const char *name) { return NULL; }
void ges_txn_ended(struct ges *g, struct xid x) {}
uint64_t ges_mark(const struct ges_owner *o) { return 0; }
void ges_unlock_since(struct ges_owner *o, uint64_t mark) {}
void ges_unlock_all(struct ges_owner *o) {}
void ges_set_txn_hooks(struct ges *g, const struct ges_txn_hooks *h) {}
enum err ges_wait_txn(struct ges_owner *o, struct xid x, uint64_t deadline, struct diag *d) { panic("no ges"); }
