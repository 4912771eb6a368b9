/* route_list.h: the functions behind the table of routes.c, one subject per file route_*.c. */
#ifndef VL_ROUTE_LIST_H
#define VL_ROUTE_LIST_H

#include "serve/exchange.h"

void vl_route_predict(vl_exchange *x);
void vl_route_hf(vl_exchange *x);

void vl_route_batch_begin(vl_exchange *x);
void vl_route_batch_data(vl_exchange *x, vl_span bytes);
void vl_route_batch_end(vl_exchange *x);

void vl_route_v2_server(vl_exchange *x);
void vl_route_v2_ready(vl_exchange *x);
void vl_route_v2_model(vl_exchange *x);
void vl_route_v2_model_ready(vl_exchange *x);
void vl_route_v2_infer(vl_exchange *x);

void vl_route_models(vl_exchange *x);
void vl_route_info(vl_exchange *x);
void vl_route_openapi(vl_exchange *x);

void vl_route_load(vl_exchange *x);
void vl_route_unload(vl_exchange *x);
void vl_route_v2_load(vl_exchange *x);
void vl_route_v2_unload(vl_exchange *x);
void vl_route_v2_index(vl_exchange *x);

void vl_route_metrics(vl_exchange *x);

void vl_route_live(vl_exchange *x);
void vl_route_ready(vl_exchange *x);
void vl_route_page(vl_exchange *x);

#endif
