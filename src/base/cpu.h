/* cpu.h: which instruction sets may be used, and how many processors. The only place that asks. */
#ifndef VL_CPU_H
#define VL_CPU_H

#include <stdbool.h>

/* Levels of instruction sets; a higher one includes the lower ones.
 * AVX2: with BMI1/2, LZCNT, FMA, F16C, CLMUL. AVX512: F, BW, VL, DQ, VBMI, VBMI2 (Ice Lake, Zen 4).
 */
typedef enum vl_isa { VL_ISA_SCALAR, VL_ISA_AVX2, VL_ISA_AVX512, VL_ISA_COUNT } vl_isa;

/* The best level this machine has. */
vl_isa vl_isa_detected(void);

/* The level in use: the detected one, capped by VALENCE_ISA=scalar|avx2|avx512, read once. */
vl_isa vl_isa_active(void);

/* For tests: caps the active level from now on. Not while other threads compute. */
void vl_isa_limit(vl_isa isa);

const char *vl_isa_name(vl_isa isa);

/* Extensions beside the levels (Zen 4, Cooper Lake and later have both): int8 and bfloat16 products.
 * False below the level AVX512 in use. */
bool vl_cpu_has_vnni(void);
bool vl_cpu_has_bf16(void);

/* Processors this process may use: the least of the online ones, the affinity mask and the cgroup's
 * CPU quota (v2 cpu.max, v1 cfs quota) rounded up. At least 1. */
int vl_cpu_count(void);

#endif
