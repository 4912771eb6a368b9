/* test_graph.c: what goes in comes out in order; names too long are refused, not cut. */
#include "test.h"

#include "base/graph.h"

static void test_build(void **state)
{
    (void)state;
    vl_graph *g;
    float two = 2;
    assert_int_equal(vl_graph_open(&g, NULL), VALENCE_OK);
    vl_value ids = {"ids", VL_I64, 2, {-1, -2}};
    vl_value logits = {"logits", VL_F32, 2, {-1, 3}};
    vl_tensor constant = {.name = "two", .dtype = VL_F32, .data = &two, .bytes = 4};
    assert_int_equal(vl_graph_input(g, &ids), VALENCE_OK);
    assert_int_equal(vl_graph_output(g, &logits), VALENCE_OK);
    assert_int_equal(vl_graph_constant(g, &constant, NULL), VALENCE_OK);
    assert_int_equal(vl_graph_constant(g, &constant, NULL), VALENCE_ARGUMENT);
    const char *const cast[] = {"ids", NULL}, *const scale[] = {"x", "two", NULL};
    assert_int_equal(vl_graph_node(g, VL_OP_CAST, "x", VL_F32, cast), VALENCE_OK);
    assert_int_equal(vl_graph_node(g, VL_OP_SOFTMAX, "logits", -1, scale), VALENCE_OK);
    assert_int_equal(vl_graph_nodes(g), 2);
    assert_int_equal(vl_graph_node_at(g, 0)->to, VL_F32);
    const vl_node *n = vl_graph_node_at(g, 1);
    assert_true(n->op == VL_OP_SOFTMAX && n->inputs == 2 && n->axis == -1);
    assert_string_equal(n->input[1], "two");
    assert_string_equal(n->output, "logits");
    assert_int_equal(vl_graph_inputs(g), 1);
    assert_int_equal(vl_graph_input_at(g, 0)->shape[1], -2);
    assert_int_equal(vl_graph_outputs(g), 1);
    assert_string_equal(vl_graph_output_at(g, 0)->name, "logits");
    assert_ptr_equal(vl_store_find(vl_graph_constants(g), "two")->data, &two);
    vl_graph_close(g);
    vl_graph_close(NULL);
}

static void test_limits(void **state)
{
    (void)state;
    vl_graph *g;
    char name[VL_GRAPH_NAME + 1];
    memset(name, 'x', sizeof name);
    assert_int_equal(vl_graph_open(&g, NULL), VALENCE_OK);
    const char *const none[] = {NULL}, *const five[] = {"a", "b", "c", "d", "e", NULL};
    const char *const four[] = {"a", "b", "c", "d", NULL}, *const named[] = {name, NULL};
    assert_int_equal(vl_graph_node(g, VL_OP_ADD, "o", 0, none), VALENCE_OK);
    assert_int_equal(vl_graph_node(g, VL_OP_ADD, "o", 0, four), VALENCE_OK);
    assert_int_equal(vl_graph_node(g, VL_OP_ADD, "o", 0, five), VALENCE_LIMIT);
    assert_int_equal(vl_graph_node(g, VL_OPS, "o", 0, none), VALENCE_ARGUMENT);
    name[VL_GRAPH_NAME] = '\0';
    assert_int_equal(vl_graph_node(g, VL_OP_ADD, name, 0, none), VALENCE_LIMIT);
    assert_int_equal(vl_graph_node(g, VL_OP_ADD, "o", 0, named), VALENCE_LIMIT);
    name[VL_GRAPH_NAME - 1] = '\0';
    assert_int_equal(vl_graph_node(g, VL_OP_ADD, "o", 0, named), VALENCE_OK);
    vl_value v = {"v", VL_F32, VL_MAX_VALUE_RANK + 1, {0}};
    assert_int_equal(vl_graph_input(g, &v), VALENCE_ARGUMENT);
    v.rank = 1;
    memset(v.name, 'x', sizeof v.name);
    assert_int_equal(vl_graph_output(g, &v), VALENCE_LIMIT);
    assert_int_equal(vl_graph_nodes(g), 3);
    vl_graph_close(g);
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(vl_op_name(VL_OP_GATHER), "GATHER");
    assert_string_equal(vl_op_name(VL_OP_CAST), "CAST");
    assert_string_equal(vl_op_name(VL_OPS), "unknown");
}

static void test_fail_sweep(void **state)
{
    (void)state;
    int64_t before = vl_mem_usage_total().current;
    const char *const in[] = {"a", NULL};
    for (int n = 1; n < 10; n++) {
        vl_graph *g;
        vl_mem_fail_from(n);
        if (vl_graph_open(&g, NULL) == VALENCE_OK) vl_graph_node(g, VL_OP_ADD, "o", 0, in);
        vl_mem_fail_from(0);
        vl_graph_close(g);
        assert_int_equal(vl_mem_usage_total().current, before);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_build),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_fail_sweep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
