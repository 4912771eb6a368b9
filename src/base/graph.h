/* graph.h: a model written down as neutral operators, for exporters and importers: a flat list in
 * order of execution. Names of values are strings; constants are tensors of a store. The graph
 * copies names and attributes; it owns no tensor data. */
#ifndef VL_GRAPH_H
#define VL_GRAPH_H

#include <stdint.h>

#include "base/store.h"

/* operator, what it computes */
#define VL_OP_LIST(X)                                                                              \
    X(GATHER, "rows of input 0 at the indices of input 1")                                         \
    X(MATMUL, "matrix product")                                                                    \
    X(ADD, "elementwise sum, broadcast")                                                           \
    X(MUL, "elementwise product, broadcast")                                                       \
    X(DIV, "elementwise quotient, broadcast")                                                      \
    X(SUB, "elementwise difference, broadcast")                                                    \
    X(SQRT, "elementwise square root")                                                             \
    X(REDUCE_SUM, "sum over axis")                                                                 \
    X(SOFTMAX, "softmax over axis")                                                                \
    X(UNSQUEEZE, "a dimension of size 1 at axis")                                                  \
    X(CAST, "to another element type (attribute to: vl_dtype)")

typedef enum vl_op {
#define VL_OP_ENUM(name, text) VL_OP_##name,
    VL_OP_LIST(VL_OP_ENUM)
#undef VL_OP_ENUM
        VL_OPS
} vl_op;

enum { VL_MAX_NODE_INPUTS = 4, VL_MAX_VALUE_RANK = 4, VL_GRAPH_NAME = 64 };

typedef struct vl_node {
    vl_op op;
    int inputs;
    char input[VL_MAX_NODE_INPUTS][VL_GRAPH_NAME];
    char output[VL_GRAPH_NAME];
    int axis; /* of REDUCE_SUM, SOFTMAX, UNSQUEEZE; negative counts from the end */
    int to;   /* of CAST */
} vl_node;

/* An input or output of the whole graph; a negative dimension is symbolic: -1 batch, -2 length. */
typedef struct vl_value {
    char name[VL_GRAPH_NAME];
    vl_dtype dtype;
    int rank;
    int64_t shape[VL_MAX_VALUE_RANK];
} vl_value;

typedef struct vl_graph vl_graph;

vl_status vl_graph_open(vl_graph **out, valence_error *error);
void vl_graph_close(vl_graph *g); /* NULL is fine */

const char *vl_op_name(vl_op op);

/* Appends a node; inputs are up to four names, ended by NULL. attribute: the node's `to` for CAST,
 * else its `axis`. VALENCE_LIMIT for a fifth input or a name of VL_GRAPH_NAME bytes and more. */
vl_status vl_graph_node(vl_graph *g, vl_op op, const char *output, int attribute,
                        const char *const *inputs);
vl_status vl_graph_input(vl_graph *g, const vl_value *value);
vl_status vl_graph_output(vl_graph *g, const vl_value *value);
/* A named constant; tensor->data must outlive the graph. */
vl_status vl_graph_constant(vl_graph *g, const vl_tensor *tensor, valence_error *error);

/* Counts and elements; a pointer is valid until the next addition to its list. */
size_t vl_graph_nodes(const vl_graph *g);
const vl_node *vl_graph_node_at(const vl_graph *g, size_t i);
size_t vl_graph_inputs(const vl_graph *g);
const vl_value *vl_graph_input_at(const vl_graph *g, size_t i);
size_t vl_graph_outputs(const vl_graph *g);
const vl_value *vl_graph_output_at(const vl_graph *g, size_t i);
const vl_store *vl_graph_constants(const vl_graph *g);

#endif
