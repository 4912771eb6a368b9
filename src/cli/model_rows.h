/* model_rows.h: the models to choose among: what each is, what its card states, and what it costs
 * on this machine. Shared by `valence models`, which shows them, and `valence select`. Strings
 * belong to the table. */
#ifndef VL_MODEL_ROWS_H
#define VL_MODEL_ROWS_H

#include "base/arena.h"
#include "base/buffer.h"
#include "cli/model_measure.h"

enum { CLI_ROWS_MAX = 2000 };

typedef struct cli_model_row {
    const char *name; /* as valence_model_open takes it */
    bool usable;      /* false: error says why, and only the name is known */
    bool given;       /* named by the user */
    valence_error error;
    const char *path, *family, *dtype, *checksum;
    const char *const *labels; /* (label_count) */
    int label_count;
    double bytes;
    double accuracy, macro_f1; /* held-out, from the card; NaN where it states none */
    double held_out;           /* texts behind them; NaN */
    const char *data;          /* the card's list of training data: JSON */
    const char *first_data;    /* the first of them, without its options; "" */
    int data_count;
    cli_measurement cost;
    bool cached; /* measured by an earlier run */
} cli_model_row;

typedef struct cli_model_rows {
    cli_model_row *rows; /* (count) */
    size_t count;
    char cpu[96]; /* the processor measured on */
    vl_arena strings;
} cli_model_rows;

typedef struct cli_rows_options {
    char **names; /* (name_count) of the user */
    int name_count;
    bool only;    /* those alone, not the shipped models */
    bool measure; /* again, whatever the cache says */
} cli_rows_options;

/* The shipped models by name, then the user's. One that cannot be used keeps its row. */
vl_status cli_rows_open(cli_model_rows *t, const cli_rows_options *options, valence_error *error);
void cli_rows_release(cli_model_rows *t); /* after a failure, too */

/* Tells on stderr what is wrong with each unusable model; gives how many there are. */
size_t cli_rows_complain(const cli_model_rows *t);

/* `{"name": ..` up to, but without the closing brace: the caller may add members. */
vl_status cli_row_write_json(vl_buffer *b, const cli_model_row *row);

/* What the figures mean, as people and as JSON are told. */
extern const char cli_rows_latency[], cli_rows_memory[], cli_rows_accuracy[];

#endif
