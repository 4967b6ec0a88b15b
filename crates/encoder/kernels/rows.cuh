// Rows of numbers in, rows out: embeddings, layer norm, GELU, pooling. One warp takes a row; sums are f32.
#pragma once
#include "device.cuh"

constexpr int ROW_WARPS = 4;

DEVICE float sum_of_warp(float value) {
    for (int mask = WARP / 2; mask > 0; mask /= 2) value += shuffle_xor(value, mask);
    return value;
}

// The row that this warp takes.
DEVICE int own_row() { return static_cast<int>(blockIdx.x) * ROW_WARPS + static_cast<int>(threadIdx.x) / WARP; }

// A row in registers: lane l holds the quads l, l + 32, … of four neighbours. QUADS · 128 is at least the row's width.
template <Kind K, int QUADS> struct Row {
    float values[QUADS][4];

    template <class F> DEVICE static void each_quad(int width, F visit) {
        int lane = static_cast<int>(threadIdx.x) % WARP;
#pragma unroll
        for (int quad = 0; quad < QUADS; quad++) {
            int column = (quad * WARP + lane) * 4;
            if (column < width) visit(quad, column);
        }
    }

    DEVICE void set(int quad, uint2 halves) {
        float2 low = unpack<K>(halves.x), high = unpack<K>(halves.y);
        values[quad][0] = low.x, values[quad][1] = low.y, values[quad][2] = high.x, values[quad][3] = high.y;
    }

    DEVICE void add(int quad, uint2 halves) {
        float2 low = unpack<K>(halves.x), high = unpack<K>(halves.y);
        values[quad][0] += low.x, values[quad][1] += low.y, values[quad][2] += high.x, values[quad][3] += high.y;
    }

    DEVICE void add(int quad, const float *four) {
#pragma unroll
        for (int i = 0; i < 4; i++) values[quad][i] += four[i];
    }

    // Layer norm (Ba et al. 2016), in two passes over the registers so that no digits cancel.
    DEVICE void norm_into(uint16_t *out, int width, const float *weight, const float *bias, float eps) {
        float sum = 0;
        each_quad(width, [&](int quad, int) {
#pragma unroll
            for (int i = 0; i < 4; i++) sum += values[quad][i];
        });
        float mean = sum_of_warp(sum) / static_cast<float>(width);
        float squares = 0;
        each_quad(width, [&](int quad, int) {
#pragma unroll
            for (int i = 0; i < 4; i++) {
                float off = values[quad][i] - mean;
                squares += off * off;
            }
        });
        float scale = 1.0f / sqrtf(sum_of_warp(squares) / static_cast<float>(width) + eps);
        each_quad(width, [&](int quad, int column) {
            float normed[4];
#pragma unroll
            for (int i = 0; i < 4; i++) {
                normed[i] = (values[quad][i] - mean) * scale * weight[column + i] + bias[column + i];
            }
            uint2 halves;
            halves.x = pack<K>(normed[0], normed[1]);
            halves.y = pack<K>(normed[2], normed[3]);
            *reinterpret_cast<uint2 *>(out + column) = halves;
        });
    }
};

template <Kind K, int QUADS>
DEVICE void embed_row(uint16_t *out, const uint16_t *word, const float *position, const float *weight, const float *bias,
                      int width, float eps) {
    Row<K, QUADS> row;
    row.each_quad(width, [&](int quad, int column) {
        row.set(quad, *reinterpret_cast<const uint2 *>(word + column));
        row.add(quad, position + column);
    });
    row.norm_into(out, width, weight, bias, eps);
}

template <Kind K, int QUADS>
DEVICE void residual_row(uint16_t *row_of_x, const uint16_t *add, const float *add_bias, const float *weight,
                         const float *bias, int width, float eps) {
    Row<K, QUADS> row;
    row.each_quad(width, [&](int quad, int column) {
        row.set(quad, *reinterpret_cast<const uint2 *>(row_of_x + column));
        row.add(quad, *reinterpret_cast<const uint2 *>(add + column));
        row.add(quad, add_bias + column);
    });
    row.norm_into(row_of_x, width, weight, bias, eps);
}

// out[t] = norm(words[ids[t]] + positions[places[t]]). Widths up to 1024, a multiple of 4.
template <Kind K>
DEVICE void embed_norm(uint16_t *out, const int *ids, const int *places, const uint16_t *words, const float *positions,
                       const float *weight, const float *bias, int tokens, int width, float eps) {
    int token = own_row();
    if (token >= tokens) return;
    uint16_t *to = out + static_cast<size_t>(token) * width;
    const uint16_t *word = words + static_cast<size_t>(ids[token]) * width;
    const float *position = positions + static_cast<size_t>(places[token]) * width;
    if (width <= 384) embed_row<K, 3>(to, word, position, weight, bias, width, eps);
    else if (width <= 768) embed_row<K, 6>(to, word, position, weight, bias, width, eps);
    else embed_row<K, 8>(to, word, position, weight, bias, width, eps);
}

// x[t] = norm(x[t] + add[t] + add_bias): what a product leaves, its bias, the residual and the norm in one pass.
template <Kind K>
DEVICE void residual_norm(uint16_t *x, const uint16_t *add, const float *add_bias, const float *weight, const float *bias,
                          int tokens, int width, float eps) {
    int token = own_row();
    if (token >= tokens) return;
    uint16_t *row = x + static_cast<size_t>(token) * width;
    const uint16_t *more = add + static_cast<size_t>(token) * width;
    if (width <= 384) residual_row<K, 3>(row, more, add_bias, weight, bias, width, eps);
    else if (width <= 768) residual_row<K, 6>(row, more, add_bias, weight, bias, width, eps);
    else residual_row<K, 8>(row, more, add_bias, weight, bias, width, eps);
}

// The exact GELU, x · Φ(x).
DEVICE float gelu(float x) { return 0.5f * x * (1.0f + erff(x * 0.70710678118654752f)); }

// x = gelu(x + bias) in place; a thread takes eight neighbours. Widths are a multiple of 8.
template <Kind K> DEVICE void bias_gelu(uint16_t *x, const float *bias, int tokens, int width) {
    size_t at = (static_cast<size_t>(blockIdx.x) * blockDim.x + threadIdx.x) * 8;
    if (at >= static_cast<size_t>(tokens) * width) return;
    const float *add = bias + at % width;
    uint4 *place = reinterpret_cast<uint4 *>(x + at);
    uint4 halves = *place;
    auto both = [&](uint32_t pair, int column) {
        float2 values = unpack<K>(pair);
        return pack<K>(gelu(values.x + add[column]), gelu(values.y + add[column + 1]));
    };
    halves.x = both(halves.x, 0);
    halves.y = both(halves.y, 2);
    halves.z = both(halves.z, 4);
    halves.w = both(halves.w, 6);
    *place = halves;
}

// out[n] = the mean of the first `texts[n].y` rows from `texts[n].x` on (of the first row alone where `is_first`), scaled to
// length 1. One block a text; a text of no rows is left out. Widths are even.
template <Kind K> DEVICE void pool(float *out, const uint16_t *x, const int2 *texts, int width, int is_first) {
    SHARED(float, partial, ROW_WARPS);
    int2 text = texts[blockIdx.x];
    if (text.y == 0) return;
    int rows = is_first ? 1 : text.y;
    float *to = out + static_cast<size_t>(blockIdx.x) * width;
    float squares = 0;
    for (int column = static_cast<int>(threadIdx.x) * 2; column < width; column += ROW_WARPS * WARP * 2) {
        const uint16_t *from = x + static_cast<size_t>(text.x) * width + column;
        float low = 0, high = 0;
        for (int row = 0; row < rows; row++) {
            float2 values = unpack<K>(*reinterpret_cast<const uint32_t *>(from + static_cast<size_t>(row) * width));
            low += values.x;
            high += values.y;
        }
        to[column] = low;
        to[column + 1] = high;
        squares += low * low + high * high;
    }
    squares = sum_of_warp(squares);
    if (threadIdx.x % WARP == 0) partial[threadIdx.x / WARP] = squares;
    __syncthreads();
    float total = 0;
#pragma unroll
    for (int warp = 0; warp < ROW_WARPS; warp++) total += partial[warp];
    float scale = total > 0 ? 1.0f / sqrtf(total) : 0.0f;
    for (int column = static_cast<int>(threadIdx.x) * 2; column < width; column += ROW_WARPS * WARP * 2) {
        to[column] *= scale;
        to[column + 1] *= scale;
    }
}

// Each row of x scaled to length 1, in place. Widths are even.
template <Kind K> DEVICE void normalize(uint16_t *x, int tokens, int width) {
    int token = own_row();
    if (token >= tokens) return;
    uint32_t *row = reinterpret_cast<uint32_t *>(x + static_cast<size_t>(token) * width);
    int lane = static_cast<int>(threadIdx.x) % WARP;
    float squares = 0;
    for (int pair = lane; pair < width / 2; pair += WARP) {
        float2 values = unpack<K>(row[pair]);
        squares += values.x * values.x + values.y * values.y;
    }
    squares = sum_of_warp(squares);
    float scale = squares > 0 ? 1.0f / sqrtf(squares) : 0.0f;
    for (int pair = lane; pair < width / 2; pair += WARP) {
        float2 values = unpack<K>(row[pair]);
        row[pair] = pack<K>(values.x * scale, values.y * scale);
    }
}
