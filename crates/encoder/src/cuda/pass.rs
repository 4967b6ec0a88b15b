//! What is launched for a batch, in order and with which arguments: the encoder as a list of kernels and products. Knows a
//! machine that launches, not which one: a GPU, or in tests the kernels on this CPU.

use super::half::Half;
use super::plan::Bucket;
use super::weights::{Linear, Norm, Places, Shape};
use super::{Pooling, Wanted};

/// A place in the machine's memory.
pub(super) type Address = u64;

/// Warps of a block that takes rows; `rows.cuh`.
const ROW_WARPS: usize = 4;
const WARP: usize = 32;
/// Threads of a block that takes numbers one by one, eight a thread.
const GELU_THREADS: usize = 256;
/// Threads of an attention block: a warp for 16 queries; `attention.cuh`.
const ATTENTION_THREADS: usize = super::plan::TILE_QUERIES / 16 * WARP;

/// A kernel in `bert.cu`, without the end of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kernel {
    EmbedNorm,
    ResidualNorm,
    BiasGelu,
    /// For heads of this width.
    Attention(usize),
    Pool,
    Normalize,
}

impl Kernel {
    /// Its name in the compiled module.
    pub(super) fn name(self, half: Half) -> String {
        let half = half.name();
        match self {
            Self::EmbedNorm => format!("embed_norm_{half}"),
            Self::ResidualNorm => format!("residual_norm_{half}"),
            Self::BiasGelu => format!("bias_gelu_{half}"),
            Self::Attention(head) => format!("attention_{head}_{half}"),
            Self::Pool => format!("pool_{half}"),
            Self::Normalize => format!("normalize_{half}"),
        }
    }

    /// All that a model with heads of width `head` needs.
    #[cfg(feature = "cuda")]
    pub(super) fn all(head: usize) -> [Self; 6] {
        [Self::EmbedNorm, Self::ResidualNorm, Self::BiasGelu, Self::Attention(head), Self::Pool, Self::Normalize]
    }
}

/// An argument of a kernel.
#[derive(Debug, Clone, Copy)]
pub(super) enum Argument {
    Address(Address),
    Int(i32),
    Float(f32),
}

/// `[rows, outputs] = x · weightᵀ`, with `x` `[rows, inputs]` and `weight` `[outputs, inputs]`, all row-major halves.
#[derive(Debug, Clone, Copy)]
pub(super) struct Product {
    pub(super) out: Address,
    pub(super) x: Address,
    pub(super) weight: Address,
    pub(super) rows: usize,
    pub(super) inputs: usize,
    pub(super) outputs: usize,
}

/// What launches.
pub(super) trait Machine {
    type Error;

    /// Starts `kernel` over `grid` blocks of `threads`, after all that was started before.
    fn launch(
        &self,
        kernel: Kernel,
        grid: (usize, usize),
        threads: usize,
        arguments: &[Argument],
    ) -> Result<(), Self::Error>;

    /// Starts a product, after all that was started before.
    fn product(&self, product: Product) -> Result<(), Self::Error>;
}

/// Where the weights, a batch's description and its activations lie. Sizes for a bucket, in numbers: `x`, `attended` and
/// `added` tokens · hidden halves, `wide` tokens · [`wide_width`] halves, `pooled` texts · hidden floats.
#[derive(Debug, Clone, Copy)]
pub(super) struct Memory {
    pub(super) halves: Address,
    pub(super) floats: Address,
    pub(super) description: Address,
    pub(super) x: Address,
    pub(super) attended: Address,
    pub(super) added: Address,
    pub(super) wide: Address,
    pub(super) pooled: Address,
}

/// Width of the widest activations: queries, keys and values, or the feed-forward part.
pub(super) fn wide_width(shape: &Shape) -> usize {
    (3 * shape.hidden).max(shape.intermediate)
}

/// One batch through the encoder.
pub(super) struct Pass<'a, M> {
    pub(super) machine: &'a M,
    pub(super) shape: &'a Shape,
    pub(super) places: &'a Places,
    pub(super) memory: Memory,
    pub(super) bucket: Bucket,
}

impl<M: Machine> Pass<'_, M> {
    /// Launches everything. Then `pooled` holds the texts' unit vectors, and `x` the last hidden states of all tokens, scaled
    /// to length 1 where tokens are wanted.
    pub(super) fn run(&self, pooling: Pooling, wanted: Wanted) -> Result<(), M::Error> {
        let (shape, memory) = (self.shape, self.memory);
        let (hidden, wide) = (shape.hidden, shape.intermediate);
        self.embed()?;
        for layer in &self.places.layers {
            self.product(memory.wide, memory.x, layer.qkv, hidden, 3 * hidden)?;
            self.attend(layer.qkv)?;
            self.product(memory.added, memory.attended, layer.attention_out, hidden, hidden)?;
            self.add_norm(layer.attention_out, layer.attention_norm)?;
            self.product(memory.wide, memory.x, layer.up, hidden, wide)?;
            self.gelu(layer.up)?;
            self.product(memory.added, memory.wide, layer.down, wide, hidden)?;
            self.add_norm(layer.down, layer.out_norm)?;
        }
        let texts = Argument::Address(self.description(self.bucket.parts().texts));
        let is_first = Argument::Int(i32::from(pooling == Pooling::First));
        let (pooled, x) = (Argument::Address(memory.pooled), Argument::Address(memory.x));
        let pool = [pooled, x, texts, int(hidden), is_first];
        self.machine.launch(Kernel::Pool, (self.bucket.texts, 1), ROW_WARPS * WARP, &pool)?;
        if wanted == Wanted::VectorsAndTokens {
            self.rows(Kernel::Normalize, &[x, int(self.bucket.tokens), int(hidden)])?;
        }
        Ok(())
    }

    fn embed(&self) -> Result<(), M::Error> {
        let parts = self.bucket.parts();
        let norm = self.places.norm;
        self.rows(
            Kernel::EmbedNorm,
            &[
                Argument::Address(self.memory.x),
                Argument::Address(self.description(parts.ids)),
                Argument::Address(self.description(parts.places)),
                Argument::Address(self.half(self.places.words)),
                self.float(self.places.positions),
                self.float(norm.weight),
                self.float(norm.bias),
                int(self.bucket.tokens),
                int(self.shape.hidden),
                Argument::Float(self.shape.eps),
            ],
        )
    }

    fn attend(&self, qkv: Linear) -> Result<(), M::Error> {
        let arguments = [
            Argument::Address(self.memory.attended),
            Argument::Address(self.memory.wide),
            self.float(qkv.bias),
            Argument::Address(self.description(self.bucket.parts().tiles)),
            int(self.shape.hidden),
        ];
        let kernel = Kernel::Attention(self.shape.head());
        self.machine.launch(kernel, (self.bucket.tiles, self.shape.heads), ATTENTION_THREADS, &arguments)
    }

    /// `x = norm(x + added + bias)`.
    fn add_norm(&self, added: Linear, norm: Norm) -> Result<(), M::Error> {
        self.rows(
            Kernel::ResidualNorm,
            &[
                Argument::Address(self.memory.x),
                Argument::Address(self.memory.added),
                self.float(added.bias),
                self.float(norm.weight),
                self.float(norm.bias),
                int(self.bucket.tokens),
                int(self.shape.hidden),
                Argument::Float(self.shape.eps),
            ],
        )
    }

    fn gelu(&self, up: Linear) -> Result<(), M::Error> {
        let (tokens, width) = (self.bucket.tokens, self.shape.intermediate);
        let arguments = [Argument::Address(self.memory.wide), self.float(up.bias), int(tokens), int(width)];
        let blocks = (tokens * width).div_ceil(8 * GELU_THREADS);
        self.machine.launch(Kernel::BiasGelu, (blocks, 1), GELU_THREADS, &arguments)
    }

    fn rows(&self, kernel: Kernel, arguments: &[Argument]) -> Result<(), M::Error> {
        let blocks = self.bucket.tokens.div_ceil(ROW_WARPS);
        self.machine.launch(kernel, (blocks, 1), ROW_WARPS * WARP, arguments)
    }

    fn product(&self, out: Address, x: Address, linear: Linear, inputs: usize, outputs: usize) -> Result<(), M::Error> {
        let weight = self.half(linear.weight);
        self.machine.product(Product { out, x, weight, rows: self.bucket.tokens, inputs, outputs })
    }

    fn half(&self, place: usize) -> Address {
        self.memory.halves + 2 * place as u64
    }

    fn float(&self, place: usize) -> Argument {
        Argument::Address(self.memory.floats + 4 * place as u64)
    }

    fn description(&self, place: usize) -> Address {
        self.memory.description + 4 * place as u64
    }
}

fn int(value: usize) -> Argument {
    Argument::Int(i32::try_from(value).expect("sizes fit an i32"))
}
