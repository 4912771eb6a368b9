/* csv_scan.c: chooses the scan by instruction set. */
#include "data/csv_scan.h"

vl_csv_scan_fn vl_csv_scan_of(vl_isa isa)
{
    switch (isa) {
    case VL_ISA_AVX512:
        return vl_csv_scan_avx512;
    case VL_ISA_AVX2:
        return vl_csv_scan_avx2;
    default:
        return vl_csv_scan_scalar;
    }
}

vl_csv_scan_fn vl_csv_scan(void)
{
    return vl_csv_scan_of(vl_isa_active());
}
