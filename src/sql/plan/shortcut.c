#include "sql/plan/plan_int.h"

/* Plans that need no vectors: one row by its unique key, or rows that stand in the statement. */

static bool is_point(const struct plan_node *n)
{
    return n != NULL && n->kind == NODE_INDEX_SCAN && n->scan.key.unique;
}

void pl__find_shortcut(struct plan *p)
{
    struct plan_shortcut s = { .kind = SHORTCUT_NONE };
    struct plan_node *n = p->root;
    if (p->nsubplans > 0)
        return;
    if (n->kind == NODE_UPDATE || n->kind == NODE_DELETE) {
        s.modify = n;
        s.scan = n->left;
        s.kind = !is_point(s.scan) ? SHORTCUT_NONE : n->kind == NODE_UPDATE ? SHORTCUT_POINT_UPDATE : SHORTCUT_POINT_DELETE;
    } else if (n->kind == NODE_INSERT && n->left->kind == NODE_VALUES) {
        s.modify = n;
        s.values = n->left;
        s.kind = SHORTCUT_INSERT_VALUES;
    } else if (p->command == QUERY_SELECT) {
        if (n->kind == NODE_PROJECT) {
            s.project = n;
            n = n->left;
        }
        if (n->kind == NODE_LOCK_ROWS) {
            s.lock = n;
            n = n->left;
        }
        s.scan = n;
        s.kind = is_point(n) ? SHORTCUT_POINT_SELECT : SHORTCUT_NONE;
    }
    if (s.kind != SHORTCUT_NONE)
        p->shortcut = s;
}
