#!/usr/bin/env python3
"""Writes src/sql/types/casemap.h: simple case mappings and letters of Unicode, as ranges, from Python's unicodedata."""
import sys
import unicodedata


def ranges(pairs):
    """pairs: sorted (char, delta); joins neighbours with one delta and step 1 or 2."""
    out = []
    for c, delta in pairs:
        if out:
            first, last, d, step = out[-1]
            gap = c - last
            if d == delta and (gap == step or (first == last and gap in (1, 2))):
                out[-1] = (first, c, d, gap)
                continue
        out.append((c, c, delta, 1))
    # A run with step 2 may enclose characters of another run; split those into single ranges.
    flat = []
    for i, (first, last, d, step) in enumerate(out):
        enclosed = step == 2 and i + 1 < len(out) and out[i + 1][0] < last
        if enclosed:
            flat += [(c, c, d, 1) for c in range(first, last + 1, 2)]
        else:
            flat.append((first, last, d, step))
    flat.sort()
    for a, b in zip(flat, flat[1:]):
        assert a[1] < b[0], (a, b)
    return flat


def simple(c, fn):
    """The one-character mapping; Python has the full ones, so those with several characters are looked up elsewhere."""
    if c == 0x130 and fn is str.lower:
        return ord("i")
    s = fn(chr(c))
    if len(s) != 1 and fn is str.upper:
        s = chr(c).title()
    return ord(s) if len(s) == 1 else c


def main():
    chars = [c for c in range(0x80, 0x110000) if not 0xD800 <= c < 0xE000]
    print(f"/* Made by scripts/make-casemap.py from Unicode {unicodedata.unidata_version}. Do not edit. */")
    print("#ifndef SQL_TYPES_CASEMAP_H\n#define SQL_TYPES_CASEMAP_H\n\n#include \"base/base.h\"\n")
    print("struct case_range {\n    uint32_t first, last;\n    int32_t delta;\n    uint32_t step;\n};\n")
    print("struct char_range {\n    uint32_t first, last;\n};\n")
    for name, fn in (("upper", str.upper), ("lower", str.lower)):
        pairs = [(c, simple(c, fn) - c) for c in chars if simple(c, fn) != c]
        print(f"static const struct case_range {name}_ranges[] = {{")
        row = [f"{{ 0x{a:x}, 0x{b:x}, {d}, {s} }}" for a, b, d, s in ranges(pairs)]
        for i in range(0, len(row), 5):
            print("    " + ", ".join(row[i:i + 5]) + ",")
        print("};\n")
    alnum = []
    for c in chars:
        if unicodedata.category(chr(c)) in ("Lu", "Ll", "Lt", "Lm", "Lo", "Nl") or unicodedata.category(chr(c)) == "Nd":
            if alnum and alnum[-1][1] == c - 1:
                alnum[-1][1] = c
            else:
                alnum.append([c, c])
    print("static const struct char_range alnum_ranges[] = {")
    row = [f"{{ 0x{a:x}, 0x{b:x} }}" for a, b in alnum]
    for i in range(0, len(row), 7):
        print("    " + ", ".join(row[i:i + 7]) + ",")
    print("};\n\n#endif")


if __name__ == "__main__":
    sys.exit(main())
