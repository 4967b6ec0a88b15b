// CUDA's threads on a CPU: each thread of a block is a fiber of its own, blocks run one after the other, and what a warp does
// together happens when its last lane has arrived. Made for checks: shared memory begins as NaN, copies into it arrive as
// late as they may, rows of matrices must be aligned, and threads that wait for each other for ever end the program.
#pragma once
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <tuple>
#include <ucontext.h>
#include <utility>
#include <vector>

#define __global__
#define __launch_bounds__(...)
#define __restrict__
#define DEVICE inline
#define SHARED(TYPE, NAME, COUNT) TYPE *NAME = static_cast<TYPE *>(host::shared(sizeof(TYPE) * (COUNT)))

struct float2 { float x, y; };
struct uint2 { uint32_t x, y; };
struct uint4 { uint32_t x, y, z, w; };
struct int2 { int x, y; };
struct int4 { int x, y, z, w; };
struct dim3 { unsigned x = 1, y = 1, z = 1; };

namespace host {

[[noreturn]] inline void fail(const char *what) {
    std::fprintf(stderr, "kernel on the CPU: %s\n", what);
    std::abort();
}

struct Copy { uint16_t *to; const uint16_t *from; bool is_there; };

// What the lanes of a warp hand to each other. Two of each, used in turn, so that one meeting is enough.
struct Slot {
    float value;
    uint32_t a[4], b[2];
    const uint16_t *row;
};

struct Warp {
    Slot slots[2][32];
    int arrived = 0, live = 0;
    long meetings = 0;
};

struct Thread {
    ucontext_t context;
    std::unique_ptr<char[]> stack;
    int index = 0;
    bool has_ended = false;
    size_t shared_used = 0;
    std::vector<Copy> open;
    std::deque<std::vector<Copy>> groups;
};

struct Block {
    std::vector<Thread> threads;
    std::vector<Warp> warps;
    std::vector<uint64_t> memory;
    const std::function<void()> *kernel = nullptr;
    ucontext_t scheduler;
    Thread *current = nullptr;
    int arrived = 0, live = 0;
    long meetings = 0, progress = 0;
};

inline Block block;
inline dim3 block_index, block_size, grid_size;
inline bool is_reversed = false;

constexpr size_t SHARED_BYTES = 48 * 1024, STACK_BYTES = 128 * 1024;

inline void *shared(size_t bytes) {
    Thread &thread = *block.current;
    size_t at = (thread.shared_used + 15) / 16 * 16;
    thread.shared_used = at + bytes;
    if (thread.shared_used > SHARED_BYTES) fail("more than 48 KiB of shared memory");
    return reinterpret_cast<char *>(block.memory.data()) + at;
}

inline void yield() {
    Thread &thread = *block.current;
    swapcontext(&thread.context, &block.scheduler);
}

// Returns when all living threads of the block are here.
inline void meet_block() {
    long meeting = block.meetings;
    block.progress++;
    if (++block.arrived == block.live) {
        block.arrived = 0;
        block.meetings++;
        return;
    }
    while (block.meetings == meeting) yield();
}

inline Warp &warp() { return block.warps[block.current->index / 32]; }

// Where this meeting's values are put.
inline Slot (&slots())[32] { return warp().slots[warp().meetings % 2]; }

inline int lane() { return block.current->index % 32; }

// Returns when all living lanes of the warp are here.
inline void meet_warp() {
    Warp &mine = warp();
    long meeting = mine.meetings;
    block.progress++;
    if (++mine.arrived == mine.live) {
        if (mine.live != 32) fail("a warp works together, but some of its lanes have ended");
        mine.arrived = 0;
        mine.meetings++;
        return;
    }
    while (mine.meetings == meeting) yield();
}

inline void end_thread() {
    Thread &thread = *block.current;
    if (!thread.open.empty()) fail("a thread ended with copies that belong to no group");
    thread.has_ended = true;
    block.progress++;
    block.live--;
    warp().live--;
    if (block.live > 0 && block.arrived == block.live) {
        block.arrived = 0;
        block.meetings++;
    }
}

inline void trampoline() {
    (*block.kernel)();
    end_thread();
    setcontext(&block.scheduler);
}

inline void run_block(const std::function<void()> &kernel, unsigned size) {
    block.kernel = &kernel;
    block.memory.assign(SHARED_BYTES / 8, ~0ull);
    if (block.threads.size() != size) {
        block.threads = std::vector<Thread>(size);
        for (Thread &thread : block.threads) thread.stack.reset(new char[STACK_BYTES]);
    }
    block.warps.assign((size + 31) / 32, Warp());
    block.arrived = 0;
    block.live = static_cast<int>(size);
    for (unsigned index = 0; index < size; index++) {
        Thread &thread = block.threads[index];
        thread.index = static_cast<int>(index);
        thread.has_ended = false;
        thread.shared_used = 0;
        thread.open.clear();
        thread.groups.clear();
        block.warps[index / 32].live++;
        getcontext(&thread.context);
        thread.context.uc_stack.ss_sp = thread.stack.get();
        thread.context.uc_stack.ss_size = STACK_BYTES;
        thread.context.uc_link = nullptr;
        makecontext(&thread.context, trampoline, 0);
    }
    while (block.live > 0) {
        long before = block.progress;
        for (unsigned turn = 0; turn < size; turn++) {
            Thread &thread = block.threads[is_reversed ? size - 1 - turn : turn];
            if (thread.has_ended) continue;
            block.current = &thread;
            swapcontext(&block.scheduler, &thread.context);
        }
        if (block.progress == before && block.live > 0) fail("threads wait for each other");
    }
}

// Runs `kernel` over a grid, with arguments as cuLaunchKernel takes them: pointers to the values.
template <class... A, size_t... I>
std::tuple<A...> values_of(void (*)(A...), void **arguments, std::index_sequence<I...>) {
    return {*static_cast<A *>(arguments[I])...};
}

template <class... A> void run_grid(void (*kernel)(A...), dim3 grid, unsigned size, void **arguments) {
    grid_size = grid;
    block_size = dim3{size};
    std::tuple<A...> values = values_of(kernel, arguments, std::index_sequence_for<A...>());
    std::function<void()> call = [&] { std::apply(kernel, values); };
    // No block may count on another's having run, so the order is the other way round, too.
    unsigned blocks = grid.x * grid.y;
    for (unsigned turn = 0; turn < blocks; turn++) {
        unsigned at = is_reversed ? blocks - 1 - turn : turn;
        block_index = dim3{at % grid.x, at / grid.x};
        run_block(call, size);
    }
}

inline float from_f16(uint16_t bits) {
    _Float16 value;
    std::memcpy(&value, &bits, 2);
    return static_cast<float>(value);
}

inline uint16_t to_f16(float value) {
    _Float16 rounded = static_cast<_Float16>(value);
    uint16_t bits;
    std::memcpy(&bits, &rounded, 2);
    return bits;
}

inline float from_bf16(uint16_t bits) {
    uint32_t wide = static_cast<uint32_t>(bits) << 16;
    float value;
    std::memcpy(&value, &wide, 4);
    return value;
}

inline uint16_t to_bf16(float value) {
    uint32_t bits;
    std::memcpy(&bits, &value, 4);
    if (std::isnan(value)) return static_cast<uint16_t>((bits >> 16) | 0x40);
    return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

inline void load(uint32_t (&to)[4], const uint16_t *row, bool is_transposed) {
    if (reinterpret_cast<uintptr_t>(row) % 16 != 0) fail("a row of a matrix is not aligned to 16 bytes");
    auto &mine = slots();
    mine[lane()].row = row;
    meet_warp();
    int across = lane() / 4, along = lane() % 4 * 2;
    for (int matrix = 0; matrix < 4; matrix++) {
        const Slot *rows = mine + 8 * matrix;
        uint16_t low = is_transposed ? rows[along].row[across] : rows[across].row[along];
        uint16_t high = is_transposed ? rows[along + 1].row[across] : rows[across].row[along + 1];
        to[matrix] = low | static_cast<uint32_t>(high) << 16;
    }
}

} // namespace host

// CUDA's own names for where a thread is.
struct ThreadIndex { struct X { operator unsigned() const { return static_cast<unsigned>(host::block.current->index); } } x; };
inline ThreadIndex threadIdx;
#define blockIdx host::block_index
#define blockDim host::block_size
#define gridDim host::grid_size
inline void __syncthreads() { host::meet_block(); }

template <Kind K> float2 unpack(uint32_t pair) {
    auto low = static_cast<uint16_t>(pair), high = static_cast<uint16_t>(pair >> 16);
    if constexpr (K == F16) return {host::from_f16(low), host::from_f16(high)};
    else return {host::from_bf16(low), host::from_bf16(high)};
}

template <Kind K> uint32_t pack(float low, float high) {
    if constexpr (K == F16) return host::to_f16(low) | static_cast<uint32_t>(host::to_f16(high)) << 16;
    else return host::to_bf16(low) | static_cast<uint32_t>(host::to_bf16(high)) << 16;
}

inline float power_of_2(float x) { return std::exp2(x); }

inline float shuffle_xor(float value, int mask) {
    auto &mine = host::slots();
    mine[host::lane()].value = value;
    host::meet_warp();
    return mine[host::lane() ^ mask].value;
}

// As the PTX manual spreads the matrices of mma.m16n8k16 over a warp.
template <Kind K> void multiply(float (&sums)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
    auto &mine = host::slots();
    host::Slot &own = mine[host::lane()];
    std::memcpy(own.a, a, sizeof(own.a));
    own.b[0] = b0;
    own.b[1] = b1;
    host::meet_warp();
    int row = host::lane() / 4, column = host::lane() % 4 * 2;
    for (int k = 0; k < 16; k++) {
        int part = k % 8 / 2;
        auto element = [&](uint32_t pair) { float2 both = unpack<K>(pair); return k % 2 ? both.y : both.x; };
        float upper = element(mine[row * 4 + part].a[k < 8 ? 0 : 2]);
        float lower = element(mine[row * 4 + part].a[k < 8 ? 1 : 3]);
        float left = element(mine[column * 4 + part].b[k / 8]);
        float right = element(mine[(column + 1) * 4 + part].b[k / 8]);
        sums[0] += upper * left;
        sums[1] += upper * right;
        sums[2] += lower * left;
        sums[3] += lower * right;
    }
}

inline void load_matrices(uint32_t (&to)[4], const uint16_t *row) { host::load(to, row, false); }
inline void load_matrices_transposed(uint32_t (&to)[4], const uint16_t *row) { host::load(to, row, true); }

inline void begin_copy(uint16_t *to, const uint16_t *from, bool is_there) {
    if (reinterpret_cast<uintptr_t>(to) % 16 != 0) host::fail("a copy is not aligned to 16 bytes");
    if (is_there && reinterpret_cast<uintptr_t>(from) % 16 != 0) host::fail("a copy is not from an aligned place");
    host::block.current->open.push_back({to, from, is_there});
}

inline void end_group() {
    host::Thread &thread = *host::block.current;
    thread.groups.push_back(std::move(thread.open));
    thread.open.clear();
}

template <int LEFT> void wait_groups() {
    auto &groups = host::block.current->groups;
    while (groups.size() > LEFT) {
        for (const host::Copy &copy : groups.front()) {
            if (copy.is_there) std::memcpy(copy.to, copy.from, 16);
            else std::memset(copy.to, 0, 16);
        }
        groups.pop_front();
    }
}
