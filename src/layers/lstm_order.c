/* lstm_order.c: by insertion, for batches are small and often sorted by length already. */
#include "layers/lstm_order.h"

static int32_t length_of(const int32_t *offsets, int32_t text)
{
    return offsets[text + 1] - offsets[text];
}

void vl_lstm_order_sort(int32_t *text, int32_t n, const int32_t *offsets)
{
    for (int32_t i = 1; i < n; i++) {
        int32_t moved = text[i], at = i;
        for (; at > 0 && length_of(offsets, text[at - 1]) < length_of(offsets, moved); at--)
            text[at] = text[at - 1];
        text[at] = moved;
    }
}
