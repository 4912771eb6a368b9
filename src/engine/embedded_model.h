/* embedded_model.h: the default model, part of the library's read-only data. */
#ifndef VL_EMBEDDED_MODEL_H
#define VL_EMBEDDED_MODEL_H

#include "base/span.h"

/* The bytes of models/general.safetensors, 64-byte aligned. */
vl_span vl_embedded_model(void);

#endif
