/* runner.c: proves the kernels of every instruction set against the scalar ones and times those
 * that pass. One argument: only kernels whose name contains it. */
#include <stdio.h>
#include <string.h>

#include "base/cpu.h"

int check_csv_scan(void);
int check_clean(void);
int check_words(void);
int check_bert_words(void);
int check_ngram_lookup(void);
int check_activation(void);
int check_quantize(void);
int check_dequantize(void);
int check_layer_norm(void);
int check_convert(void);
int check_pooling(void);
int check_rope(void);
int check_attention(void);
int check_lstm(void);
int check_lstm_back(void);
int check_bf16_product(void);
int check_gemm(void);
int check_descent(void);
int check_exp_row(void);

static const struct {
    const char *name;
    int (*check)(void);
} checks[] = {
    {"csv_scan", check_csv_scan},
    {"clean", check_clean},
    {"words", check_words},
    {"bert_words", check_bert_words},
    {"ngram_lookup", check_ngram_lookup},
    {"activation", check_activation},
    {"quantize", check_quantize},
    {"dequantize", check_dequantize},
    {"layer_norm", check_layer_norm},
    {"convert", check_convert},
    {"pooling", check_pooling},
    {"rope", check_rope},
    {"attention", check_attention},
    {"lstm", check_lstm},
    {"lstm_back", check_lstm_back},
    {"bf16_product", check_bf16_product},
    {"gemm", check_gemm},
    {"descent", check_descent},
    {"exp_row", check_exp_row},
};

int main(int argc, char **argv)
{
    int failed = 0, run = 0;
    printf("# machine: %s; in use: %s\n", vl_isa_name(vl_isa_detected()),
           vl_isa_name(vl_isa_active()));
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        if (argc > 1 && !strstr(checks[i].name, argv[1])) continue;
        failed += checks[i].check();
        run++;
    }
    if (run) return failed > 0;
    fprintf(stderr, "no kernel's name contains '%s'\n", argv[1]);
    return 2;
}
