/* trace.h: where the time of forward passes goes, in seconds of each thread added up. */
#ifndef VL_TRACE_H
#define VL_TRACE_H

/* part, what it is */
#define VL_TRACE_LIST(X)                                                                           \
    X(EMBED, "embedding")                                                                          \
    X(INPUT, "input products")                                                                     \
    X(RECURRENT, "recurrent steps")                                                                \
    X(QKV, "query, key, value")                                                                    \
    X(ATTENTION, "attention")                                                                      \
    X(OUTPUT, "attention output")                                                                  \
    X(FFN, "feed-forward")                                                                         \
    X(NORM, "normalisation")                                                                       \
    X(HEAD, "pooling and head")                                                                    \
    X(WAIT, "waiting for the other threads")

typedef enum vl_trace_part {
#define VL_TRACE_ENUM(name, text) VL_TRACE_##name,
    VL_TRACE_LIST(VL_TRACE_ENUM)
#undef VL_TRACE_ENUM
        VL_TRACE_PARTS
} vl_trace_part;

typedef struct vl_trace {
    double seconds[VL_TRACE_PARTS];
    long long passes, texts, tokens;
} vl_trace;

#endif
