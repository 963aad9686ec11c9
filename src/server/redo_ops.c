/*
 * Which function applies which redo opcode: put together from what the folders
 * export, because only here all of them are known.
 */
#include "server/instance_int.h"

#include "access/btree.h"

const struct redo_ops instance__redo_ops = {
    .apply = {
        [REDO_SPACE_FORMAT ... REDO_SPACE_EXT_SET] = space_apply,
        [REDO_SPACE_FILE_SET] = space_apply,
        [REDO_TT_FORMAT ... REDO_UNDO_APPEND] = txn_apply,
        [REDO_HEAP_FORMAT ... REDO_HEAP_FORWARD] = heap_apply,
        [REDO_BTREE_FORMAT ... REDO_BTREE_LINK] = btree_apply,
        [REDO_OVERFLOW_FORMAT] = overflow_apply,
        [REDO_SEQ_FORMAT ... REDO_SEQ_SET] = sequence_apply,
    },
};
