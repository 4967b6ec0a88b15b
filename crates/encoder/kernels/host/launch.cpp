// Runs a kernel by name on this machine's CPU, with arguments as cuLaunchKernel takes them: what tests launch instead of a GPU.
#include "../bert.cu"
#include <string>
#include <tuple>

// The name's kernel; false where there is none. `is_reversed` lets the last block and the last thread run first, so that a missing barrier shows
// whichever way round its threads would have to run for luck.
extern "C" bool ibid_host_launch(const char *name, unsigned grid_x, unsigned grid_y, unsigned block, bool is_reversed,
                                 void **arguments) {
    host::is_reversed = is_reversed;
    std::string asked = name;
#define TRY(KERNEL)                                                    \
    if (asked == #KERNEL) {                                            \
        host::run_grid(KERNEL, dim3{grid_x, grid_y}, block, arguments); \
        return true;                                                   \
    }
#define TRY_ALL(NAME)        \
    TRY(embed_norm_##NAME)    \
    TRY(residual_norm_##NAME) \
    TRY(bias_gelu_##NAME)     \
    TRY(pool_##NAME)          \
    TRY(normalize_##NAME)     \
    TRY(attention_32_##NAME)  \
    TRY(attention_64_##NAME)  \
    TRY(attention_96_##NAME)  \
    TRY(attention_128_##NAME)
    TRY_ALL(f16)
    TRY_ALL(bf16)
    return false;
}
