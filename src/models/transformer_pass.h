/* transformer_pass.h: one forward pass and its members (threads), as transformer_forward.c, which
 * shares out rows, and transformer_columns.c, which shares out columns, see it. */
#ifndef VL_TRANSFORMER_PASS_H
#define VL_TRANSFORMER_PASS_H

#include "base/barrier.h"
#include "kernels/attention.h"
#include "models/transformer.h"

enum { VL_MEMBERS_MAX = 256 };

/* One forward pass, shared by its members. */
typedef struct vl_pass {
    const vl_transformer *m;
    const vl_batch *batch;
    int members;
    bool columns; /* members share columns, not rows */
    bool apart;   /* members' ranges are whole texts: nobody waits for anybody */
    bool traced;
    int64_t T;
    int64_t from[VL_MEMBERS_MAX + 1]; /* member i owns rows (or heads) from[i] .. from[i+1] - 1 */
    float *x;      /* rows: (T + VL_ROW_BLOCK * members, C), member i's from row from[i] +
                    * VL_ROW_BLOCK i on; columns: (members, VL_ROW_BLOCK, C), everybody's own */
    float *qkv[2]; /* (T,3C) each */
    float *context, *state, *hidden; /* columns: (VL_ROW_BLOCK, C, C, I), written by all */
    float *pooled;                   /* (B + VL_ROW_BLOCK, C) */
    char *own;                       /* (members) blocks of own_bytes */
    size_t own_bytes;
    float *logits;
    vl_barrier barrier;
    _Atomic int failed; /* a vl_status */
    vl_trace *traces;   /* (members), where traced */
} vl_pass;

/* A member's own memory: a block of rows between two steps. */
typedef struct vl_member {
    vl_pass *p;
    int index;
    vl_row_scratch rows;
    float *context, *state,
        *hidden; /* (VL_ROW_BLOCK,C), (VL_ROW_BLOCK, max(C,E)), (VL_ROW_BLOCK,I) */
    void *attention;
    double clock;
    vl_trace *trace;
} vl_member;

/* The time since the last mark went into that part. */
void vl_member_mark(vl_member *me, vl_trace_part part);

/* All members are here. */
void vl_member_meet(vl_member *me);

/* x (count,C) of rows first .. first + count - 1 of the batch. */
vl_status vl_member_embed(vl_member *me, float *x, int64_t first, int64_t count);

/* Logits of texts [text, end) from their pooled rows. */
vl_status vl_member_head(vl_member *me, int32_t text, int32_t end);

/* The text that a row is in. */
int32_t vl_text_of_row(const vl_batch *b, int64_t row);

vl_attention_fn *vl_attention_of(const vl_transformer *m);

/* transformer_columns.c: whether a pass of so many members can share columns, with who has which
 * heads in p->from; and a member's part of it. */
bool vl_columns_share(vl_pass *p);
vl_status vl_columns_run(vl_member *me);

#endif
