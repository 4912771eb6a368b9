/* lstm_tiles.h: how rows are shared out to tiles. Included behind `enum { MOST }`, at most 6. */
#ifndef VL_LSTM_TILES_H
#define VL_LSTM_TILES_H

#define VL_LSTM_TILE_CASE(rows, TILE)                                                              \
    case rows:                                                                                     \
        if (rows <= MOST) TILE(b, u, (rows < MOST ? rows : MOST));                                 \
        break;

/* TILE(b, u, rows) for all panels u < `panels` and all n rows, from b on, in tiles of nearly equal
 * size; rows is a constant expression each time, so that an inlined TILE keeps its sums in
 * registers. */
#define VL_LSTM_EACH_TILE(panels, n, TILE)                                                         \
    for (int64_t u = 0; u < (panels); u++)                                                         \
        for (int64_t b = 0, some, tiles = ((n) + MOST - 1) / MOST; tiles > 0;                      \
             tiles--, b += some) {                                                                 \
            some = ((n)-b + tiles - 1) / tiles;                                                    \
            switch (some) {                                                                        \
                VL_LSTM_TILE_CASE(1, TILE)                                                         \
                VL_LSTM_TILE_CASE(2, TILE) VL_LSTM_TILE_CASE(3, TILE) VL_LSTM_TILE_CASE(4, TILE)   \
                    VL_LSTM_TILE_CASE(5, TILE) VL_LSTM_TILE_CASE(6, TILE)                          \
            }                                                                                      \
        }

#endif
