/* commands.h: one function per command; argv[0] is the command's name. Returns the exit code. */
#ifndef VL_COMMANDS_H
#define VL_COMMANDS_H

typedef struct cli_command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *about; /* a line for the list of commands */
} cli_command;

int cmd_predict(int argc, char **argv);
int cmd_train(int argc, char **argv);
int cmd_merge(int argc, char **argv);
int cmd_eval(int argc, char **argv);
int cmd_quantize(int argc, char **argv);
int cmd_info(int argc, char **argv);
int cmd_models(int argc, char **argv);
int cmd_select(int argc, char **argv);
int cmd_serve(int argc, char **argv);
/* `valence serve` with another way to ask models (serve/predictor.h): for tests. */
struct vl_predictor;
int cli_serve(int argc, char **argv, const struct vl_predictor *predictor);
int cmd_loadtest(int argc, char **argv);
int cmd_clean(int argc, char **argv);
int cmd_tokenize(int argc, char **argv);
int cmd_bench(int argc, char **argv);

#endif
