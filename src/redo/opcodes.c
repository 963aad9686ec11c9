/*
 * Names and properties of the opcodes, from their table.
 */
#include "redo/opcodes.h"

static const struct {
    const char *name;
    bool formats;
} opcode_info[REDO_OPCODE_COUNT] = {
#define X(name, formats, text) { #name, formats },
    REDO_OPCODES(X)
#undef X
};

bool redo_opcode_formats(enum redo_opcode op)
{
    assert((unsigned)op < REDO_OPCODE_COUNT);
    return opcode_info[op].formats;
}

const char *redo_opcode_name(enum redo_opcode op)
{
    return (unsigned)op < REDO_OPCODE_COUNT ? opcode_info[op].name : "unknown";
}
