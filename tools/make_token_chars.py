#!/usr/bin/env python3
"""make_token_chars.py > src/text/token_chars_table.c: asks the package tokenizers about every code
point and writes down where utf8proc would say something else. Needs build/venv and libutf8proc."""
import ctypes
import importlib.metadata

from tokenizers import Regex, normalizers, pre_tokenizers

lib = ctypes.CDLL("libutf8proc.so.2")
lib.utf8proc_category_string.restype = ctypes.c_char_p
lib.utf8proc_version.restype = ctypes.c_char_p
lib.utf8proc_map.restype = ctypes.c_ssize_t
libc = ctypes.CDLL(None)
COMPAT, COMPOSE, DECOMPOSE, STABLE = 4, 8, 16, 2
POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
CATEGORY = {c: lib.utf8proc_category_string(c).decode() for c in POINTS}


def categories(*names):
    return {c for c in POINTS if CATEGORY[c].startswith(names)}


def mapped(text, options):
    raw, out = text.encode(), ctypes.c_void_p()
    n = lib.utf8proc_map(raw, ctypes.c_ssize_t(len(raw)), ctypes.byref(out), options)
    result = ctypes.string_at(out, n).decode()
    libc.free(out)
    return result


def cut(pre, parts):
    """Code points that, between two letters, make so many parts."""
    return {c for c in POINTS if len(pre.pre_tokenize_str("a" + chr(c) + "b")) == parts}


def gone(normalizer):
    return {c for c in POINTS if normalizer.normalize_str(chr(c)) == ""}


def matched(pattern):
    split = pre_tokenizers.Split(Regex(pattern), "isolated")
    return {c for c in POINTS if len(split.pre_tokenize_str("\x01" + chr(c) + "\x01")) == 3}


def bert(**on):
    flags = dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    return normalizers.BertNormalizer(**{**flags, **on})


def has_class():
    """Moves in front of U+0345, the highest class."""
    nfd = normalizers.NFD()
    return {c for c in POINTS if not nfd.normalize_str("a\u0345" + chr(c)).startswith("a\u0345")}


SPACES = cut(pre_tokenizers.WhitespaceSplit(), 2)
ASCII_MARKS = {ord(c) for c in "$+<=>^`|~"}
CIRCLED = {*range(0x24B6, 0x24EA), *range(0x1F130, 0x1F14A), *range(0x1F150, 0x1F16A), *range(0x1F170, 0x1F18A)}
NFD_OURS = {c: mapped(chr(c), STABLE | DECOMPOSE) for c in POINTS if c}
NFKD_OURS = {c: mapped(chr(c), STABLE | DECOMPOSE | COMPAT) for c in POINTS if c}
CLASS_OURS = {c for c in POINTS if c and mapped("a\u0345" + chr(c), STABLE | DECOMPOSE)[1] != "\u0345"}


def ranges(points):
    out = []
    for c in sorted(points):
        if out and out[-1][1] == c - 1:
            out[-1][1] = c
        else:
            out.append([c, c])
    return out


def write(name, theirs, ours):
    found = ranges(theirs ^ ours)
    print(f"static const vl_char_range {name}[] = {{")
    for i in range(0, len(found), 3):
        print("    " + " ".join(f"{{0x{a:04X}, 0x{b:04X}}}," for a, b in found[i:i + 3]))
    print(f"}};\nconst vl_char_ranges vl_differ_{name} = {{{name}, {len(found)}}};\n")


def write_lower():
    lower = normalizers.Lowercase()
    found = []  # first, last, step, add
    for c in POINTS:
        theirs, ours = lower.normalize_str(chr(c)), chr(lib.utf8proc_tolower(c))
        if theirs == ours or c == 0x130:
            continue
        add = ord(theirs) - c
        last = found[-1] if found else None
        if last and last[3] == add and (last[0] == last[1] and c - last[1] <= 2 or c - last[1] == last[2]):
            last[2], last[1] = c - last[1], c
        else:
            found.append([c, c, 1, add])
    print("const vl_lower_range vl_lower_ranges[] = {")
    for first, last, step, add in found:
        print(f"    {{0x{first:04X}, 0x{last:04X}, {step}, {add}}},")
    print(f"}};\nconst int vl_lower_range_count = {len(found)};")


print("/* token_chars_table.c: where the package tokenizers "
      f"{importlib.metadata.version('tokenizers')} and utf8proc {lib.utf8proc_version().decode()}\n"
      " * differ. Written by tools/make_token_chars.py; not edited by hand. */")
print('#include "text/token_chars.h"\n')
write("other", {c for c in POINTS if bert(clean_text=True).normalize_str("a" + chr(c) + "b") == "ab"} - {0xFFFD},
      categories("Cc", "Cf", "Co") - {9, 10, 13})
write("nonspacing", gone(bert(strip_accents=True)), categories("Mn"))
write("punctuation", cut(pre_tokenizers.BertPreTokenizer(), 3), categories("P") | ASCII_MARKS)
write("numeric", cut(pre_tokenizers.Digits(individual_digits=True), 3), categories("N"))
write("word", cut(pre_tokenizers.Whitespace(), 1),
      categories("L", "M", "Nd", "Nl", "Pc") | {0x200C, 0x200D} | CIRCLED)
write("letter", matched(r"\p{L}"), categories("L"))
write("number", matched(r"\p{N}"), categories("N"))
write("combining", gone(normalizers.StripAccents()), categories("M"))
write("class", has_class(), CLASS_OURS)
write("compatible", {c for c in NFKD_OURS if normalizers.NFKD().normalize_str(chr(c)) != NFKD_OURS[c]
                     and NFD_OURS[c] != NFKD_OURS[c]}, set())
write_lower()
