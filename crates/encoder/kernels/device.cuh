// The few instructions that the kernels need beyond plain C++, each behind a function: PTX on a GPU, and on a CPU the same
// meaning from host/threads.h, so that every kernel can be run and checked without a GPU. Knows nothing of encoders.
#pragma once
#include <cstddef>
#include <cstdint>

// Floats of 16 bits. They are stored in pairs, the first in the low half.
enum Kind { F16, BF16 };

constexpr int WARP = 32;

#ifdef __CUDACC__

#define DEVICE __device__ __forceinline__
#define SHARED(TYPE, NAME, COUNT) __shared__ __align__(16) TYPE NAME[COUNT]

template <Kind K> DEVICE float2 unpack(uint32_t pair) {
    float2 values;
    if constexpr (K == F16) {
        asm("{.reg .f16 a, b; mov.b32 {a, b}, %2; cvt.f32.f16 %0, a; cvt.f32.f16 %1, b;}"
            : "=f"(values.x), "=f"(values.y) : "r"(pair));
    } else {
        values.x = __uint_as_float(pair << 16);
        values.y = __uint_as_float(pair & 0xffff0000u);
    }
    return values;
}

// Rounded to nearest, ties to even.
template <Kind K> DEVICE uint32_t pack(float low, float high) {
    uint32_t pair;
    if constexpr (K == F16) {
        asm("cvt.rn.f16x2.f32 %0, %2, %1;" : "=r"(pair) : "f"(low), "f"(high));
    } else {
        asm("cvt.rn.bf16x2.f32 %0, %2, %1;" : "=r"(pair) : "f"(low), "f"(high));
    }
    return pair;
}

// 2^x, 0 for minus infinity; relative error 2^-22.
DEVICE float power_of_2(float x) {
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

DEVICE float shuffle_xor(float value, int mask) { return __shfl_xor_sync(0xffffffffu, value, mask); }

// sums += a · b for a 16 × 16, b 16 × 8, sums 16 × 8, each spread over a warp as the PTX manual says (mma.m16n8k16).
template <Kind K> DEVICE void multiply(float (&sums)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
    if constexpr (K == F16) {
        asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                     : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
                     : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
    } else {
        asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                     : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
                     : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
    }
}

// Four 8 × 8 matrices from shared memory: lane 8·i + r names row r of matrix i, 16 bytes, aligned.
DEVICE void load_matrices(uint32_t (&to)[4], const uint16_t *row) {
    uint32_t address = static_cast<uint32_t>(__cvta_generic_to_shared(row));
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3]) : "r"(address) : "memory");
}

// The same, each matrix transposed.
DEVICE void load_matrices_transposed(uint32_t (&to)[4], const uint16_t *row) {
    uint32_t address = static_cast<uint32_t>(__cvta_generic_to_shared(row));
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3]) : "r"(address) : "memory");
}

// Begins to copy 16 bytes into shared memory; zeros where `is_there` is false, and then nothing is read.
DEVICE void begin_copy(uint16_t *to, const uint16_t *from, bool is_there) {
    uint32_t address = static_cast<uint32_t>(__cvta_generic_to_shared(to));
    int bytes = is_there ? 16 : 0;
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(address), "l"(from), "r"(bytes) : "memory");
}

// Ends a group of copies.
DEVICE void end_group() { asm volatile("cp.async.commit_group;" ::: "memory"); }

// Waits until at most LEFT groups of this thread's copies are under way.
template <int LEFT> DEVICE void wait_groups() { asm volatile("cp.async.wait_group %0;" ::"n"(LEFT) : "memory"); }

#else
#include "host/threads.h"
#endif
