/* train_neural.h: `valence train embeddings|lstm|transformer`: the families that are trained step
 * by step. */
#ifndef VL_TRAIN_NEURAL_H
#define VL_TRAIN_NEURAL_H

#include <stdbool.h>

#include "cli/options.h"
#include "train/corpus.h"

/* argv[0] is the family. Return the exit code. */
int cli_train_embeddings(int argc, char **argv, const char *command);
int cli_train_neural(int argc, char **argv, const char *command);

/* A sentence for an error, with the line where one is known. */
int cli_train_failed(const valence_error *error);

#endif
