// Attention of each text over itself, on tensor cores: queries, keys and values of texts that lie one after the other in, what
// they attend to out. The matrix of scores is never stored: keys pass by in tiles under a running maximum and sum (Dao et
// al. 2022, FlashAttention), so that memory grows with the tokens alone and no text pads another.
#pragma once
#include "device.cuh"

constexpr int QUERIES = 64; // of a block: 16 for each of its warps
constexpr int ATTENTION_THREADS = QUERIES / 16 * WARP;

// Keys that are in shared memory at once, twice: the next ones arrive while these are at work.
template <int HEAD> struct Keys { static constexpr int COUNT = HEAD <= 64 ? 64 : 32; };

// qkv: [tokens, 3 · width] without biases, the queries' weights scaled by log2(e) / √HEAD. bias: [3 · width], scaled alike.
// tiles[n]: a text's first row, its length, and which of its queries this tile begins with; length 0 for no tile.
// Adding the keys' bias moves all scores of a query alike, which softmax does not see, so it is left out; the weights of the
// values sum to 1, so their bias is added at the end.
template <Kind K, int HEAD>
DEVICE void attention(uint16_t *out, const uint16_t *qkv, const float *bias, const int4 *tiles, int width) {
    constexpr int KEYS = Keys<HEAD>::COUNT;
    constexpr int STRIDE = HEAD + 8; // 16 bytes more than a row, so that the eight rows of a matrix lie in different banks
    constexpr int STEPS = HEAD / 16;
    SHARED(uint16_t, key_rows, 2 * KEYS * STRIDE);
    SHARED(uint16_t, value_rows, 2 * KEYS * STRIDE);

    int4 tile = tiles[blockIdx.x];
    int length = tile.y;
    if (length == 0) return;
    int thread = static_cast<int>(threadIdx.x), lane = thread % WARP;
    int column = static_cast<int>(blockIdx.y) * HEAD;
    size_t pitch = 3 * static_cast<size_t>(width);
    const uint16_t *text = qkv + tile.x * pitch + column;

    auto begin_tile = [&](int first, int stage) {
        for (int piece = thread; piece < KEYS * HEAD / 8; piece += ATTENTION_THREADS) {
            int row = piece / (HEAD / 8), part = piece % (HEAD / 8) * 8;
            bool is_there = first + row < length;
            const uint16_t *from = text + (is_there ? first + row : 0) * pitch + part;
            int to = (stage * KEYS + row) * STRIDE + part;
            begin_copy(key_rows + to, from + width, is_there);
            begin_copy(value_rows + to, from + 2 * width, is_there);
        }
        end_group();
    };
    begin_tile(0, 0);

    // This thread's part of the queries: rows `row` and `row + 8` of the text.
    int row = tile.z + thread / WARP * 16 + lane / 4;
    bool has_queries = tile.z + thread / WARP * 16 < length;
    uint32_t q[STEPS][4];
#pragma unroll
    for (int step = 0; step < STEPS; step++) {
#pragma unroll
        for (int part = 0; part < 4; part++) {
            int query = row + part % 2 * 8, at = step * 16 + part / 2 * 8 + lane % 4 * 2;
            q[step][part] = 0;
            if (query < length) {
                float2 values = unpack<K>(*reinterpret_cast<const uint32_t *>(text + query * pitch + at));
                q[step][part] = pack<K>(values.x + bias[column + at], values.y + bias[column + at + 1]);
            }
        }
    }

    float sums[HEAD / 8][4] = {};
    float most[2] = {-INFINITY, -INFINITY}, total[2] = {0, 0};
    int tile_count = (length + KEYS - 1) / KEYS;
    for (int index = 0; index < tile_count; index++) {
        if (index + 1 < tile_count) {
            begin_tile((index + 1) * KEYS, (index + 1) % 2);
            wait_groups<1>();
        } else {
            wait_groups<0>();
        }
        __syncthreads();
        if (has_queries) {
            const uint16_t *keys = key_rows + index % 2 * KEYS * STRIDE;
            const uint16_t *values = value_rows + index % 2 * KEYS * STRIDE;
            float scores[KEYS / 8][4] = {};
#pragma unroll
            for (int step = 0; step < STEPS; step++) {
#pragma unroll
                for (int pair = 0; pair < KEYS / 16; pair++) {
                    uint32_t b[4];
                    int key = pair * 16 + lane / 16 * 8 + lane % 8;
                    load_matrices(b, keys + key * STRIDE + step * 16 + lane / 8 % 2 * 8);
                    multiply<K>(scores[2 * pair], q[step], b[0], b[1]);
                    multiply<K>(scores[2 * pair + 1], q[step], b[2], b[3]);
                }
            }
            int left = length - index * KEYS;
            if (left < KEYS) {
#pragma unroll
                for (int part = 0; part < KEYS / 8; part++) {
#pragma unroll
                    for (int i = 0; i < 4; i++) {
                        if (part * 8 + lane % 4 * 2 + i % 2 >= left) scores[part][i] = -INFINITY;
                    }
                }
            }
#pragma unroll
            for (int half = 0; half < 2; half++) {
                float tile_most = most[half];
#pragma unroll
                for (int part = 0; part < KEYS / 8; part++) {
                    tile_most = fmaxf(tile_most, fmaxf(scores[part][2 * half], scores[part][2 * half + 1]));
                }
                tile_most = fmaxf(tile_most, shuffle_xor(tile_most, 1));
                tile_most = fmaxf(tile_most, shuffle_xor(tile_most, 2));
                float shrink = power_of_2(most[half] - tile_most);
                most[half] = tile_most;
                float sum = 0;
#pragma unroll
                for (int part = 0; part < KEYS / 8; part++) {
#pragma unroll
                    for (int i = 2 * half; i < 2 * half + 2; i++) {
                        scores[part][i] = power_of_2(scores[part][i] - tile_most);
                        sum += scores[part][i];
                    }
                }
                total[half] = total[half] * shrink + sum;
#pragma unroll
                for (int part = 0; part < HEAD / 8; part++) {
                    sums[part][2 * half] *= shrink;
                    sums[part][2 * half + 1] *= shrink;
                }
            }
#pragma unroll
            for (int pair = 0; pair < KEYS / 16; pair++) {
                uint32_t a[4] = {
                    pack<K>(scores[2 * pair][0], scores[2 * pair][1]),
                    pack<K>(scores[2 * pair][2], scores[2 * pair][3]),
                    pack<K>(scores[2 * pair + 1][0], scores[2 * pair + 1][1]),
                    pack<K>(scores[2 * pair + 1][2], scores[2 * pair + 1][3]),
                };
#pragma unroll
                for (int step = 0; step < STEPS; step++) {
                    uint32_t b[4];
                    int key = pair * 16 + lane % 16;
                    load_matrices_transposed(b, values + key * STRIDE + step * 16 + lane / 16 * 8);
                    multiply<K>(sums[2 * step], a, b[0], b[1]);
                    multiply<K>(sums[2 * step + 1], a, b[2], b[3]);
                }
            }
        }
        __syncthreads();
    }

    if (!has_queries) return;
#pragma unroll
    for (int half = 0; half < 2; half++) {
        float sum = total[half];
        sum += shuffle_xor(sum, 1);
        sum += shuffle_xor(sum, 2);
        int query = row + half * 8;
        if (query >= length) continue;
        uint16_t *to = out + (tile.x + static_cast<size_t>(query)) * width + column + lane % 4 * 2;
        const float *value_bias = bias + 2 * width + column + lane % 4 * 2;
#pragma unroll
        for (int part = 0; part < HEAD / 8; part++) {
            uint32_t pair = pack<K>(sums[part][2 * half] / sum + value_bias[part * 8],
                                    sums[part][2 * half + 1] / sum + value_bias[part * 8 + 1]);
            *reinterpret_cast<uint32_t *>(to + part * 8) = pair;
        }
    }
}
