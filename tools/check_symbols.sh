#!/bin/sh
# check_symbols.sh BUILD_DIR: proves with nm what the library shows and what it must not use.
#   libvalence.so exports valence_* and nothing else, and does export something
#   libvalence.a  defines globally only valence_* and vl_* (C++ names of json_shim.o aside)
#   our C objects neither end the process nor write to stdout or stderr; assert() is allowed
set -u
build=${1:?usage: tools/check_symbols.sh BUILD_DIR}
export LC_ALL=C
bad=0

# complain TITLE LINES: fails when there are any.
complain() {
    [ -z "$2" ] && return
    echo "$1:"
    echo "$2" | sed 's/^/    /'
    bad=1
}

for file in "$build/libvalence.a" "$build/libvalence.so"; do
    [ -r "$file" ] || { echo "cannot read '$file'"; exit 1; }
done

exported=$(nm -D --defined-only "$build/libvalence.so" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }')
complain "libvalence.so exports what is not valence_*" "$(echo "$exported" | grep -v '^valence_')"
echo "$exported" | grep -q '^valence_' || complain "libvalence.so exports nothing" "(no valence_*)"

# "archive:object:address type name" -> "object name"; __odr_asan is AddressSanitizer's.
defined=$(nm -A -g --defined-only "$build/libvalence.a" 2>/dev/null | awk '{ split($1, f, ":"); print f[2], $NF }')
complain "libvalence.a defines what is neither vl_* nor valence_*" \
    "$(echo "$defined" | grep -Ev ' (vl_|valence_|__odr_asan)' | grep -Ev '^json_shim\.o (_Z|DW\.ref\.)')"

undefined=$(nm -A -u "$build/libvalence.a" 2>/dev/null | awk '{ split($1, f, ":"); print f[2], $NF }' | grep -v '^json_shim\.o ')
complain "libvalence.a would end the process" \
    "$(echo "$undefined" | grep -E ' (_?exit|_Exit|quick_exit|abort|_?_?longjmp|err|errx|verr|verrx)$')"
complain "libvalence.a would print" \
    "$(echo "$undefined" | grep -E ' (stdout|stderr|puts|putchar|perror|psignal|(__)?v?printf(_chk)?|warnx?|vwarnx?)$')"

[ $bad = 0 ] && echo "symbols: $(echo "$exported" | wc -l) exported, $(echo "$defined" | wc -l) global in the archive"
exit $bad
