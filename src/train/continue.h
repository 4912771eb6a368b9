/* continue.h: trains a logistic model further on new data. The old model's logits stay as an offset
 * and the new fit only adds to them, held small by the regulariser: what the new data says nothing
 * about stays as it was. Old labels stay, new ones are added; n-grams of the new data take free
 * places of the table. */
#ifndef VL_CONTINUE_H
#define VL_CONTINUE_H

#include "train/classic.h"

/* model: name or path of a logistic model. Its text pipeline is kept, whatever options say. corpus:
 * its labels are joined with the model's (the struct's labels and groups are changed accordingly).
 * dev may have any of the joined labels. A label of the model that the new data lacks keeps its weights:
 * it is left out of the loss. VALENCE_UNSUPPORTED for other families and for norm l2. */
vl_status vl_continue_train(vl_store *store, vl_classic_report *report, vl_corpus *corpus,
                            const vl_corpus *dev, const char *model,
                            const vl_classic_options *options, vl_workers *workers,
                            valence_error *error);

#endif
