/* v2_tensor.h: the tensors of an Open Inference Protocol request: texts in, columns of answers out,
 * as JSON or (Triton's extension) as bytes behind the JSON. No HTTP here. Used by route_v2_infer.c.
 * Ownership: vl_v2_call owns its arrays until vl_v2_close; texts point into the request, and go with
 * its JSON. */
#ifndef VL_V2_TENSOR_H
#define VL_V2_TENSOR_H

#include "serve/ask.h"

/* name, datatype: what a model gives */
#define VL_V2_OUTPUTS(X)                                                                           \
    X(LABEL, "label", "BYTES")                                                                     \
    X(LABEL_INDEX, "label_index", "INT64")                                                         \
    X(SCORES, "scores", "FP32")                                                                    \
    X(LOGITS, "logits", "FP32")

typedef enum vl_v2_output {
#define VL_V2_ENUM(name, text, type) VL_V2_##name,
    VL_V2_OUTPUTS(VL_V2_ENUM)
#undef VL_V2_ENUM
        VL_V2_OUTPUT_COUNT
} vl_v2_output;

typedef struct vl_v2_wish { /* one output as asked for */
    vl_v2_output output;
    int classification; /* the best k classes as "value:index:label"; 0: the tensor itself */
    bool binary;
} vl_v2_wish;

enum { VL_V2_WISHES_MAX = 16 };

typedef struct vl_v2_call {
    vl_ask *ask;
    vl_span *texts; /* (count) */
    size_t count;
    vl_buffer id;   /* as the answer repeats it: JSON; empty: none was given */
    bool column; /* the shape was [n,1]; labels go back so */
    vl_v2_wish wishes[VL_V2_WISHES_MAX];
    int wish_count;
    const char **labels;    /* (count) */
    int *label_indices;     /* (count) */
    float *scores, *logits; /* (count, label_count) */
    vl_buffer tail;         /* bytes of binary outputs, in order */
} vl_v2_call;

vl_v2_call *vl_v2_open(vl_ask *ask); /* NULL: out of memory */
void vl_v2_close(void *call);

/* v2_input.c: what is asked. tail: the bytes behind the JSON. */
vl_status vl_v2_read(vl_v2_call *c, vl_json root, vl_span tail, valence_error *error);
/* The whole body is the one tensor: elements in Triton's framing, no JSON. */
vl_status vl_v2_read_raw(vl_v2_call *c, vl_span body, valence_error *error);

/* v2_output.c: makes room for the answers, and takes the i-th. */
vl_status vl_v2_make_columns(vl_v2_call *c, valence_error *error);
void vl_v2_add(vl_v2_call *c, size_t i, const valence_prediction *p);
/* Appends the list of outputs to out, binary ones to c->tail. */
vl_status vl_v2_write(vl_v2_call *c, vl_buffer *out);

const char *vl_v2_name(vl_v2_output output);
const char *vl_v2_datatype(vl_v2_output output);

#endif
