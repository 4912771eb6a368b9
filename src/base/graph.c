/* graph.c: three growing lists and a store for the constants. */
#include "base/graph.h"

#include <string.h>

#include "base/buffer.h"

enum { MAX_LIST = 1 << 26 }; /* bytes of one list */

struct vl_graph {
    vl_buffer nodes, inputs, outputs; /* of vl_node, vl_value, vl_value */
    vl_store *constants;
};

vl_status vl_graph_open(vl_graph **out, valence_error *error)
{
    *out = NULL;
    vl_graph *g = vl_alloc_zero(VL_MEM_MODEL, sizeof *g);
    if (!g) return vl_fail_memory(error, sizeof *g, "a graph");
    vl_buffer_init(&g->nodes, VL_MEM_MODEL, MAX_LIST);
    vl_buffer_init(&g->inputs, VL_MEM_MODEL, MAX_LIST);
    vl_buffer_init(&g->outputs, VL_MEM_MODEL, MAX_LIST);
    vl_status status = vl_store_open(&g->constants, error);
    if (status != VALENCE_OK) return vl_graph_close(g), status;
    *out = g;
    return VALENCE_OK;
}

void vl_graph_close(vl_graph *g)
{
    if (!g) return;
    vl_store_close(g->constants);
    vl_buffer_release(&g->outputs);
    vl_buffer_release(&g->inputs);
    vl_buffer_release(&g->nodes);
    vl_free(g);
}

const char *vl_op_name(vl_op op)
{
    static const char *const names[VL_OPS] = {
#define OP_NAME(name, text) #name,
        VL_OP_LIST(OP_NAME)
#undef OP_NAME
    };
    return (unsigned)op < VL_OPS ? names[op] : "unknown";
}

/* A name is refused rather than cut: two long ones could become the same. */
static vl_status copy_name(char out[VL_GRAPH_NAME], const char *name)
{
    size_t len = strlen(name);
    if (len >= VL_GRAPH_NAME) return VALENCE_LIMIT;
    memcpy(out, name, len + 1);
    return VALENCE_OK;
}

vl_status vl_graph_node(vl_graph *g, vl_op op, const char *output, int attribute,
                        const char *const *inputs)
{
    if ((unsigned)op >= VL_OPS) return VALENCE_ARGUMENT;
    vl_node node = {.op = op};
    if (op == VL_OP_CAST) node.to = attribute;
    else node.axis = attribute;
    VL_TRY(copy_name(node.output, output));
    for (; inputs[node.inputs]; node.inputs++) {
        if (node.inputs == VL_MAX_NODE_INPUTS) return VALENCE_LIMIT;
        VL_TRY(copy_name(node.input[node.inputs], inputs[node.inputs]));
    }
    return vl_buffer_append(&g->nodes, &node, sizeof node);
}

static vl_status add_value(vl_buffer *list, const vl_value *value)
{
    if (value->rank < 0 || value->rank > VL_MAX_VALUE_RANK) return VALENCE_ARGUMENT;
    if (memchr(value->name, '\0', sizeof value->name) == NULL) return VALENCE_LIMIT;
    return vl_buffer_append(list, value, sizeof *value);
}

vl_status vl_graph_input(vl_graph *g, const vl_value *value)
{
    return add_value(&g->inputs, value);
}

vl_status vl_graph_output(vl_graph *g, const vl_value *value)
{
    return add_value(&g->outputs, value);
}

vl_status vl_graph_constant(vl_graph *g, const vl_tensor *tensor, valence_error *error)
{
    return vl_store_add(g->constants, tensor, error);
}

/* The i-th of a list; a buffer's data is aligned for any element (mem.h). */
static const vl_value *value_at(const vl_buffer *list, size_t i)
{
    return (const vl_value *)(const void *)list->data + i;
}

size_t vl_graph_nodes(const vl_graph *g)
{
    return g->nodes.len / sizeof(vl_node);
}

const vl_node *vl_graph_node_at(const vl_graph *g, size_t i)
{
    return (const vl_node *)(const void *)g->nodes.data + i;
}

size_t vl_graph_inputs(const vl_graph *g)
{
    return g->inputs.len / sizeof(vl_value);
}

const vl_value *vl_graph_input_at(const vl_graph *g, size_t i)
{
    return value_at(&g->inputs, i);
}

size_t vl_graph_outputs(const vl_graph *g)
{
    return g->outputs.len / sizeof(vl_value);
}

const vl_value *vl_graph_output_at(const vl_graph *g, size_t i)
{
    return value_at(&g->outputs, i);
}

const vl_store *vl_graph_constants(const vl_graph *g)
{
    return g->constants;
}
