/* route_list.h: the functions behind the table of routes.c, one subject per file route_*.c. */
#ifndef VL_ROUTE_LIST_H
#define VL_ROUTE_LIST_H

#include "serve/exchange.h"

void vl_route_predict(vl_exchange *x);

void vl_route_live(vl_exchange *x);
void vl_route_ready(vl_exchange *x);

#endif
