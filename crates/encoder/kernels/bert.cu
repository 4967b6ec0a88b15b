// All kernels of the BERT encoder by name, for f16 and bf16; the names and arguments are what src/cuda/pass.rs launches.
#include "attention.cuh"
#include "rows.cuh"

#define ATTENTION(NAME, KIND, HEAD)                                                                                        \
    extern "C" __global__ void __launch_bounds__(ATTENTION_THREADS) attention_##HEAD##_##NAME(                            \
        uint16_t *out, const uint16_t *qkv, const float *bias, const int4 *tiles, int width) {                            \
        attention<KIND, HEAD>(out, qkv, bias, tiles, width);                                                              \
    }

#define KERNELS(NAME, KIND)                                                                                                \
    extern "C" __global__ void __launch_bounds__(ROW_WARPS * WARP) embed_norm_##NAME(                                     \
        uint16_t *out, const int *ids, const int *places, const uint16_t *words, const float *positions,                  \
        const float *weight, const float *bias, int tokens, int width, float eps) {                                       \
        embed_norm<KIND>(out, ids, places, words, positions, weight, bias, tokens, width, eps);                           \
    }                                                                                                                      \
    extern "C" __global__ void __launch_bounds__(ROW_WARPS * WARP) residual_norm_##NAME(                                  \
        uint16_t *x, const uint16_t *add, const float *add_bias, const float *weight, const float *bias, int tokens,      \
        int width, float eps) {                                                                                            \
        residual_norm<KIND>(x, add, add_bias, weight, bias, tokens, width, eps);                                          \
    }                                                                                                                      \
    extern "C" __global__ void __launch_bounds__(256) bias_gelu_##NAME(uint16_t *x, const float *bias, int tokens,        \
                                                                       int width) {                                       \
        bias_gelu<KIND>(x, bias, tokens, width);                                                                          \
    }                                                                                                                      \
    extern "C" __global__ void __launch_bounds__(ROW_WARPS * WARP) pool_##NAME(                                           \
        float *out, const uint16_t *x, const int2 *texts, int width, int is_first) {                                      \
        pool<KIND>(out, x, texts, width, is_first);                                                                       \
    }                                                                                                                      \
    extern "C" __global__ void __launch_bounds__(ROW_WARPS * WARP) normalize_##NAME(uint16_t *x, int tokens, int width) { \
        normalize<KIND>(x, tokens, width);                                                                                \
    }                                                                                                                      \
    ATTENTION(NAME, KIND, 32)                                                                                             \
    ATTENTION(NAME, KIND, 64)                                                                                             \
    ATTENTION(NAME, KIND, 96)                                                                                             \
    ATTENTION(NAME, KIND, 128)

KERNELS(f16, F16)
KERNELS(bf16, BF16)
