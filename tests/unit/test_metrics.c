/* test_metrics.c: buckets, sums over threads, the text and its escapes, memory that fails. */
#include "test.h"

#include <math.h>
#include <pthread.h>

#include "serve/metrics.h"

static const char *const routes[] = {"predict", "predict", "health", "other", "metrics"};
static const char *const labels[] = {"bad", "go\"od\\\n"};

static const valence_model_info info = {.family = "logistic", .checksum = "00ff", .label_count = 2,
                                        .labels = labels, .min_confidence = 0.5};

static vl_metrics *open_metrics(int threads)
{
    vl_metrics *m = NULL;
    assert_int_equal(vl_metrics_open(&m, routes, LENGTH(routes), threads, NULL), VALENCE_OK);
    return m;
}

static vl_model_meter make_model(vl_metrics *m, const char *name, const valence_model_info *of)
{
    vl_model_meter meter;
    assert_int_equal(vl_model_meter_init(&meter, m, name, of, NULL), VALENCE_OK);
    return meter;
}

/* The whole text; valid until the next call. */
static const char *text_of(vl_metrics *m)
{
    static char text[200000];
    vl_buffer out;
    const vl_model_now models[] = {{.name = "one", .version = 7, .info = &info, .waiting = 12}};
    const vl_metrics_now now = {.models = models, .model_count = 1, .connections = 3, .connections_refused = 4,
                                .cache = {.hits = 5, .misses = 6, .evictions = 7, .bytes = 8, .entries = 9}};
    vl_buffer_init(&out, VL_MEM_REQUEST, sizeof text - 1);
    assert_int_equal(vl_metrics_write(m, &now, &out), VALENCE_OK);
    memcpy(text, out.data, out.len);
    text[out.len] = '\0';
    vl_buffer_release(&out);
    return text;
}

static void assert_line(const char *text, const char *line)
{
    char whole[300];
    snprintf(whole, sizeof whole, "\n%s\n", line);
    if (!strstr(text, whole)) fail_msg("no line '%s'", line);
}

static void test_buckets(void **state)
{
    (void)state;
    const struct {
        double seconds;
        int bucket;
    } cases[] = {{0, 0}, {-1, 0}, {NAN, 0}, {1e-6, 0}, {1.001e-6, 1}, {2.5e-6, 1}, {0.001, 9}, {0.0010001, 10},
                 {10, 21}, {10.1, 22}, {1e30, 22}, {INFINITY, 22}};
    for (size_t i = 0; i < LENGTH(cases); i++) {
        vl_histogram h = {0};
        vl_histogram_sum sum = {0};
        vl_histogram_add(&h, cases[i].seconds);
        vl_histogram_collect(&sum, &h);
        for (int b = 0; b <= VL_DURATIONS; b++)
            if (sum.buckets[b] != (b == cases[i].bucket)) fail_msg("%g in bucket %d", cases[i].seconds, b);
    }
    vl_histogram h = {0};
    vl_histogram_sum sum = {0};
    vl_histogram_add(&h, 0.25);
    vl_histogram_add(&h, 0.5);
    vl_histogram_collect(&sum, &h);
    vl_histogram_collect(&sum, &h);
    assert_int_equal(sum.nanoseconds, 1500000000);
    for (int b = 1; b < VL_DURATIONS; b++)
        assert_true(atof(vl_duration_texts[b]) > atof(vl_duration_texts[b - 1]));
}

static void test_all_there_at_zero(void **state)
{
    (void)state;
    vl_metrics *m = open_metrics(2);
    vl_model_meter one = make_model(m, "one", &info);
    const char *text = text_of(m);
    assert_line(text, "predictions_total{model=\"one\",label=\"bad\"} 0");
    assert_line(text, "predictions_total{model=\"one\",label=\"go\\\"od\\\\\\n\"} 0");
    assert_line(text, "predictions_total{model=\"one\",label=\"uncertain\"} 0");
    assert_line(text, "prediction_duration_seconds_bucket{le=\"+Inf\"} 0");
    assert_line(text, "prediction_duration_seconds_sum 0.000000000");
    assert_line(text, "prediction_duration_seconds_count 0");
    assert_line(text, "valence_requests_total{route=\"predict\",code=\"200\"} 0");
    assert_line(text, "valence_requests_total{route=\"other\",code=\"other\"} 0");
    assert_line(text, "valence_request_duration_seconds_bucket{route=\"health\",le=\"0.001\"} 0");
    assert_line(text, "valence_model_info{model=\"one\",version=\"7\",family=\"logistic\",checksum=\"00ff\"} 1");
    assert_line(text, "valence_rejected_total{reason=\"unauthorized\"} 0");
    assert_line(text, "valence_rejected_total{reason=\"connections\"} 4");
    assert_line(text, "valence_rejected_total{reason=\"overloaded\"} 0");
    assert_line(text, "valence_rejected_total{reason=\"deadline\"} 0");
    assert_line(text, "valence_queue_items{model=\"one\"} 12");
    assert_line(text, "valence_queue_duration_seconds_count{model=\"one\"} 0");
    assert_line(text, "valence_tokenize_duration_seconds_bucket{model=\"one\",le=\"0.001\"} 0");
    assert_line(text, "valence_infer_duration_seconds_sum{model=\"one\"} 0.000000000");
    assert_line(text, "valence_batch_items_bucket{model=\"one\",le=\"4096\"} 0");
    assert_line(text, "valence_batch_tokens_bucket{model=\"one\",le=\"1048576\"} 0");
    assert_line(text, "valence_queue_dropped_total{model=\"one\",reason=\"gone\"} 0");
    assert_line(text, "valence_queue_dropped_total{model=\"one\",reason=\"deadline\"} 0");
    assert_line(text, "valence_model_loads_total{result=\"ok\"} 0");
    assert_line(text, "valence_model_loads_total{result=\"failed\"} 0");
    assert_line(text, "valence_inflight 0");
    assert_line(text, "valence_connections 3");
    assert_line(text, "valence_cache_hits_total 5");
    assert_line(text, "valence_cache_bytes 8");
    assert_non_null(strstr(text, "valence_memory_bytes{category=\"cache\"} "));
    assert_non_null(strstr(text, "process_open_fds "));
    assert_int_equal(text[strlen(text) - 1], '\n');
    vl_model_meter_release(&one);
    vl_metrics_close(m);
}

/* A model that is loaded again goes on counting where it was; its new labels begin at 0. */
static void test_loaded_again(void **state)
{
    (void)state;
    static const char *const others[] = {"worse", "bad", "better"};
    const valence_model_info renewed = {.family = "f", .checksum = "", .label_count = 3, .labels = others};
    vl_metrics *m = open_metrics(1);
    vl_meter *t = vl_metrics_meter(m, 0);
    vl_model_meter first = make_model(m, "one", &info), again = make_model(m, "one", &info);
    vl_model_meter new = make_model(m, "one", &renewed), two = make_model(m, "two", &info);
    vl_meter_prediction(t, &first, 0);
    vl_meter_prediction(t, &again, 0);
    vl_meter_prediction(t, &again, 2);
    vl_meter_prediction(t, &new, 1);
    vl_meter_prediction(t, &new, 2);
    vl_meter_prediction(t, &new, 3); /* of no label, and it never abstains: counted nowhere */
    vl_meter_prediction(t, &two, 1);
    assert_ptr_equal(vl_model_meter_queue(&first), vl_model_meter_queue(&new));
    vl_metrics_loaded(m, true);
    vl_metrics_loaded(m, false);
    vl_metrics_loaded(m, true);
    const char *text = text_of(m);
    assert_line(text, "predictions_total{model=\"one\",label=\"bad\"} 3");
    assert_line(text, "predictions_total{model=\"one\",label=\"uncertain\"} 1");
    assert_line(text, "predictions_total{model=\"one\",label=\"worse\"} 0");
    assert_line(text, "predictions_total{model=\"one\",label=\"better\"} 1");
    assert_line(text, "predictions_total{model=\"two\",label=\"bad\"} 0");
    assert_line(text, "valence_model_loads_total{result=\"ok\"} 2");
    assert_line(text, "valence_model_loads_total{result=\"failed\"} 1");
    const char *once = strstr(text, "model=\"one\",label=\"bad\"");
    assert_null(strstr(once + 1, "model=\"one\",label=\"bad\""));
    vl_model_meter_release(&first);
    vl_model_meter_release(&again);
    vl_model_meter_release(&new);
    vl_model_meter_release(&two);
    vl_metrics_close(m);
}

static void test_sizes(void **state)
{
    (void)state;
    const struct {
        uint64_t size;
        int bucket;
    } cases[] = {{0, 0}, {1, 0}, {2, 1}, {3, 2}, {4, 2}, {5, 3}, {1 << 20, 20}, {(1 << 20) + 1, 21}, {UINT64_MAX, 21}};
    for (size_t i = 0; i < LENGTH(cases); i++) {
        vl_size_histogram h = {0};
        vl_size_histogram_count(&h, cases[i].size);
        for (int b = 0; b <= VL_SIZES; b++)
            if (vl_counter_value(&h.buckets[b]) != (b == cases[i].bucket)) fail_msg("%d in %d", (int)cases[i].size, b);
    }
    vl_metrics *m = open_metrics(1);
    vl_model_meter one = make_model(m, "one", &info);
    vl_queue_meter *q = vl_model_meter_queue(&one);
    vl_size_histogram_count(&q->batch_items, 3);
    vl_size_histogram_count(&q->batch_items, 100000);
    vl_histogram_add_shared(&q->waited, 0.5);
    vl_counter_add_shared(&q->late, 2);
    vl_meter_rejected(vl_metrics_meter(m, 0), VL_REJECTED_DEADLINE);
    const char *text = text_of(m);
    assert_line(text, "valence_batch_items_bucket{model=\"one\",le=\"2\"} 0");
    assert_line(text, "valence_batch_items_bucket{model=\"one\",le=\"4\"} 1");
    assert_line(text, "valence_batch_items_bucket{model=\"one\",le=\"4096\"} 1");
    assert_line(text, "valence_batch_items_bucket{model=\"one\",le=\"+Inf\"} 2");
    assert_line(text, "valence_batch_items_sum{model=\"one\"} 100003");
    assert_line(text, "valence_queue_duration_seconds_sum{model=\"one\"} 0.500000000");
    assert_line(text, "valence_queue_dropped_total{model=\"one\",reason=\"deadline\"} 2");
    assert_line(text, "valence_rejected_total{reason=\"deadline\"} 1");
    vl_model_meter_release(&one);
    vl_metrics_close(m);
}

static void test_counting(void **state)
{
    (void)state;
    vl_metrics *m = open_metrics(2);
    vl_meter *a = vl_metrics_meter(m, 0), *b = vl_metrics_meter(m, 1);
    vl_meter_begun(a);
    vl_meter_done(a, "predict", 200, 0.002, true);
    vl_meter_begun(b);
    vl_meter_done(b, "predict", 200, 0.2, true);
    vl_meter_done(b, "nowhere", 299, 0, false);
    vl_meter_done(b, "other", 404, 0, false);
    vl_meter_done(a, "health", 401, 0, false);
    vl_meter_begun(b);
    vl_meter_begun(b);
    vl_meter_gone(b);
    vl_model_meter one = make_model(m, "one", &info);
    const valence_prediction first = {.label = labels[0], .label_index = 0};
    const valence_prediction unsure = {.label = "uncertain", .label_index = 0};
    vl_meter_prediction(a, &one, vl_meter_label(&info, &first));
    vl_meter_prediction(b, &one, vl_meter_label(&info, &first));
    vl_meter_prediction(b, &one, vl_meter_label(&info, &unsure));
    vl_meter_predicted_in(b, 0.000003);
    const char *text = text_of(m);
    assert_line(text, "valence_requests_total{route=\"predict\",code=\"200\"} 2");
    assert_line(text, "valence_requests_total{route=\"other\",code=\"other\"} 1");
    assert_line(text, "valence_requests_total{route=\"other\",code=\"404\"} 1");
    assert_line(text, "valence_request_duration_seconds_bucket{route=\"predict\",le=\"0.0025\"} 1");
    assert_line(text, "valence_request_duration_seconds_bucket{route=\"predict\",le=\"+Inf\"} 2");
    assert_line(text, "valence_request_duration_seconds_sum{route=\"predict\"} 0.202000000");
    assert_line(text, "valence_rejected_total{reason=\"unauthorized\"} 1");
    assert_line(text, "valence_inflight 1");
    assert_line(text, "predictions_total{model=\"one\",label=\"bad\"} 2");
    assert_line(text, "predictions_total{model=\"one\",label=\"uncertain\"} 1");
    assert_line(text, "prediction_duration_seconds_bucket{le=\"0.000005\"} 1");
    vl_model_meter_release(&one);
    vl_metrics_close(m);
}

/* More names than there is room for: the rest counts as "other". */
static void test_many_routes(void **state)
{
    (void)state;
    static char names[50][16];
    const char *list[50];
    vl_metrics *m = NULL;
    for (int i = 0; i < 50; i++) snprintf(names[i], sizeof names[i], "r%d", i), list[i] = names[i];
    assert_int_equal(vl_metrics_open(&m, list, 50, 1, NULL), VALENCE_OK);
    for (int i = 0; i < 50; i++) vl_meter_done(vl_metrics_meter(m, 0), list[i], 200, 0, false);
    const char *text = text_of(m);
    assert_line(text, "valence_requests_total{route=\"r30\",code=\"200\"} 1");
    assert_null(strstr(text, "route=\"r31\""));
    assert_line(text, "valence_requests_total{route=\"other\",code=\"200\"} 19");
    vl_metrics_close(m);
}

static void test_no_memory(void **state)
{
    (void)state;
    int64_t before = vl_mem_usage_total().current;
    for (int n = 1; n <= 4; n++) {
        vl_metrics *m = NULL;
        vl_mem_fail_only(n);
        vl_status status = vl_metrics_open(&m, routes, LENGTH(routes), 3, NULL);
        vl_mem_fail_only(0);
        assert_int_equal(status, VALENCE_NO_MEMORY);
        assert_null(m);
        assert_int_equal(vl_mem_usage_total().current, before);
    }
    vl_metrics *m = open_metrics(1);
    bool done = false;
    for (int n = 1; !done; n++) {
        vl_model_meter one;
        vl_mem_fail_only(n);
        vl_status status = vl_model_meter_init(&one, m, "one", &info, NULL);
        done = !vl_mem_has_failed();
        vl_mem_fail_only(0);
        assert_int_equal(status, done ? VALENCE_OK : VALENCE_NO_MEMORY);
        vl_model_meter_release(&one);
    }
    vl_buffer out;
    const vl_metrics_now now = {0};
    vl_buffer_init(&out, VL_MEM_REQUEST, 5000); /* too little */
    assert_int_not_equal(vl_metrics_write(m, &now, &out), VALENCE_OK);
    vl_buffer_release(&out);
    vl_metrics_close(m);
}

enum { ROUNDS = 100000 };

static vl_model_meter counted;

static void *count(void *meter)
{
    for (int i = 0; i < ROUNDS; i++) {
        vl_meter_begun(meter);
        vl_meter_prediction(meter, &counted, i & 1);
        vl_meter_done(meter, routes[i % 3], 200, 1e-6 * i, true);
    }
    return NULL;
}

/* Nothing is lost, though others read meanwhile. */
static void test_threads(void **state)
{
    (void)state;
    vl_metrics *m = open_metrics(3);
    counted = make_model(m, "one", &info);
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        if (pthread_create(&threads[i], NULL, count, vl_metrics_meter(m, i)) != 0) abort();
    for (int i = 0; i < 5; i++) text_of(m);
    for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
    const char *text = text_of(m);
    assert_line(text, "predictions_total{model=\"one\",label=\"bad\"} 150000");
    assert_line(text, "valence_requests_total{route=\"predict\",code=\"200\"} 200001");
    assert_line(text, "valence_request_duration_seconds_count{route=\"health\"} 99999");
    assert_line(text, "valence_inflight 0");
    vl_model_meter_release(&counted);
    vl_metrics_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_buckets),
        cmocka_unit_test(test_all_there_at_zero),
        cmocka_unit_test(test_loaded_again),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_counting),
        cmocka_unit_test(test_many_routes),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
