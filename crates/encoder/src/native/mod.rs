//! Token ids in, last hidden states out, on the CPU: the BERT family as one operation on packed weights; knows nothing of
//! text or pooling.
//!
//! Texts are laid one after the other and never padded. A few texts at a time go through all layers, so that their
//! activations stay in the caches; the memory they take is kept for the next ones.

#![expect(
    clippy::inline_always,
    reason = "code on vector registers must be inlined into the function that names their instructions"
)]

#[cfg(target_arch = "x86_64")]
pub(crate) mod amx;
mod arena;
mod arithmetic;
mod attention;
#[cfg(target_arch = "x86_64")]
pub(crate) mod bf16;
mod buffer;
mod dense;
mod f32;
mod finish;
mod functions;
mod int8;

mod kernel;
mod lanes;
mod layer;
mod weights;

#[cfg(test)]
pub(crate) mod tests;

use std::ops::Range;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use candle_core::DType;
use candle_core::safetensors::MmapedSafetensors;
use safetensors::SafeTensors;
use yoke::Yoke;

use crate::activation::Activation;
use crate::bert::{BertConfig, map_weights, prefix_of};
use crate::error::{Error, Result};
use crate::instructions::Instructions;
use crate::pair::Pair;
use crate::precision::Computed;
use arena::Arena;
use attention::Heads;
use dense::{Dense, Element};
use f32::F32;
use functions::Norm;
use int8::Int8;
use kernel::padded_depth;
use layer::{Layer, Pass, Scratch, Wanted, run_layers};
use weights::{Added, Source, Weights};

/// Tokens that go through the layers together, unless one text alone has more: enough that reading the weights costs
/// little, few enough that everything else stays in the caches.
pub const GROUP_TOKENS: usize = 512;

/// A BERT encoder whose layers are packed for the vector instructions of this machine.
pub struct Encoder {
    config: BertConfig,
    instructions: Instructions,
    precision: Computed,
    /// The word table, half of a small model, as rows of f32. It stays mapped: only the rows of tokens that occur are ever read.
    words: Yoke<&'static [u8], Box<MmapedSafetensors>>,
    /// `[positions, hidden]`, with token type 0.
    positions: Vec<f32>,
    /// What token type 1 adds to that, `[hidden]`; empty where the model has no such type.
    second_type: Vec<f32>,
    layers: Box<dyn Layers>,
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Encoder")
            .field("config", &self.config)
            .field("instructions", &self.instructions)
            .field("precision", &self.precision)
            .finish_non_exhaustive()
    }
}

impl Encoder {
    /// Packs the layers in the file `weights` for `instructions`, which this machine must have, and products in `precision`.
    ///
    /// # Errors
    /// [`Error::Tensor`] when a tensor is missing or has another shape than `config` says, or the machine lacks what was
    /// asked for.
    #[expect(clippy::needless_pass_by_value, reason = "the encoder keeps the shape it is given")]
    pub fn open(config: BertConfig, weights: &Path, instructions: Instructions, precision: Computed) -> Result<Self> {
        let file = map_weights(weights)?;
        // A mapping of its own, so that the pages of weights that are packed now do not stay in memory.
        let layers = map_weights(weights)?;
        let weights = Weights::new(Source::Mapped(&layers), &config);
        Self::from_weights(&config, file, &weights, instructions, precision).map_err(Error::tensor("load the weights"))
    }

    /// As [`Self::open`], but `words` has the word table only, and everything else is in `layers`, the bytes of a file. There linear
    /// layers may be whole numbers of 8 bits, with a tensor `….weight_scale` that has a factor for each row.
    ///
    /// # Errors
    /// As [`Self::open`].
    #[expect(clippy::needless_pass_by_value, reason = "the encoder keeps the shape it is given")]
    pub fn open_parts(
        config: BertConfig,
        words: &Path,
        layers: &[u8],
        instructions: Instructions,
        precision: Computed,
    ) -> Result<Self> {
        let file = map_weights(words)?;
        let open = || {
            let weights = Weights::new(Source::Bytes(SafeTensors::deserialize(layers)?), &config);
            Self::from_weights(&config, file, &weights, instructions, precision)
        };
        open().map_err(Error::tensor("load the weights"))
    }

    fn from_weights(
        config: &BertConfig,
        file: MmapedSafetensors,
        weights: &Weights<'_>,
        instructions: Instructions,
        precision: Computed,
    ) -> candle_core::Result<Self> {
        let words = Yoke::try_attach_to_cart(Box::new(file), |file| word_table(file, config))?;
        let Added { positions, second_type, norm } = weights.added()?;
        let layers = pack(instructions, precision, config, weights, norm)?;
        Ok(Self { config: config.clone(), instructions, precision, words, positions, second_type, layers })
    }

    /// The encoder's shape.
    pub fn config(&self) -> &BertConfig {
        &self.config
    }

    /// The vector instructions in use: AMX has no products of f32, so that those run on AVX-512 even where it was asked for.
    pub fn instructions(&self) -> Instructions {
        match (self.instructions, self.precision) {
            (Instructions::Amx, Computed::F32) => Instructions::Avx512,
            (instructions, _) => instructions,
        }
    }

    /// What products are computed in.
    pub fn precision(&self) -> Computed {
        self.precision
    }

    /// Bytes of the packed weights.
    pub fn packed_bytes(&self) -> usize {
        self.layers.packed_bytes()
    }

    /// Runs `batch`, each text's ids with special tokens, on the calling thread. `take` gets each text's index and its last
    /// hidden states, `[tokens, hidden]` row-major, which it may change; in the order of `batch`. May run on many threads at
    /// once, and allocates nothing once each has seen its longest text.
    ///
    /// # Errors
    /// [`Error::Tensor`] when an id or a length is outside the model's tables; then no text was taken.
    pub fn forward(&self, batch: &[&[u32]], mut take: impl FnMut(usize, &mut [f32])) -> Result<()> {
        self.check(batch.iter().copied()).map_err(Error::tensor("run the encoder"))?;
        let table = *self.words.get();
        let embed =
            |text: usize, position: usize, row: &mut [f32]| self.embed(table, batch[text][position], position, row);
        self.in_groups(batch.len(), &|text| batch[text].len(), &embed, Wanted::All, &mut take);
        Ok(())
    }

    /// As [`Self::forward`] with pairs, but `take` gets the last hidden state of each one's first token only, `[hidden]`, and what only
    /// the others' last states need is not computed.
    ///
    /// # Errors
    /// As [`Self::forward`], and when a pair has no token, or tokens of a type that the model does not have.
    pub fn forward_pairs(&self, batch: &[Pair<'_>], mut take: impl FnMut(usize, &mut [f32])) -> Result<()> {
        self.check_pairs(batch).map_err(Error::tensor("run the encoder"))?;
        let table = *self.words.get();
        let embed = |text: usize, position: usize, row: &mut [f32]| {
            let Pair { ids, first } = batch[text];
            self.embed(table, ids[position], position, row);
            if position >= first {
                row.iter_mut().zip(&self.second_type).for_each(|(value, add)| *value += add);
            }
        };
        self.in_groups(batch.len(), &|text| batch[text].ids.len(), &embed, Wanted::First, &mut take);
        Ok(())
    }

    /// Runs `count` texts a few at a time.
    fn in_groups(
        &self,
        count: usize,
        length: &dyn Fn(usize) -> usize,
        embed: &dyn Fn(usize, usize, &mut [f32]),
        wanted: Wanted,
        take: &mut dyn FnMut(usize, &mut [f32]),
    ) {
        let mut start = 0;
        while start < count {
            let mut tokens = 0;
            let fits = |text: &usize| {
                tokens += length(*text);
                tokens <= GROUP_TOKENS
            };
            let texts = start..start + (start..count).take_while(fits).count().max(1);
            start = texts.end;
            self.layers.run(Group { texts, length, embed, wanted }, take);
        }
    }

    fn check_pairs(&self, batch: &[Pair<'_>]) -> candle_core::Result<()> {
        if self.config.num_hidden_layers == 0 {
            candle_core::bail!("a model without layers has no state that a pair is told by");
        }
        if batch.iter().any(|pair| pair.ids.is_empty()) {
            candle_core::bail!("a pair has no token");
        }
        if self.second_type.is_empty() && batch.iter().any(|pair| pair.first < pair.ids.len()) {
            candle_core::bail!("the model has one token type only");
        }
        self.check(batch.iter().map(|pair| pair.ids))
    }

    /// Whether every id and length of `batch` is within the tables.
    fn check<'a>(&self, batch: impl Iterator<Item = &'a [u32]>) -> candle_core::Result<()> {
        let rows = self.words.get().len() / (4 * self.config.hidden_size);
        let positions = self.config.tokens_max();
        for ids in batch {
            if ids.len() > positions {
                candle_core::bail!("{} tokens, the model has {positions} positions", ids.len());
            }
            if let Some(id) = ids.iter().find(|&&id| id as usize >= rows) {
                candle_core::bail!("token id {id} is outside the vocabulary of {rows}");
            }
        }
        Ok(())
    }

    /// Word, position and token-type embeddings summed.
    fn embed(&self, table: &[u8], id: u32, position: usize, row: &mut [f32]) {
        let hidden = row.len();
        let (word, _) = table[id as usize * hidden * 4..][..hidden * 4].as_chunks::<4>();
        let position = &self.positions[position * hidden..][..hidden];
        for ((value, word), position) in row.iter_mut().zip(word).zip(position) {
            *value = f32::from_le_bytes(*word) + position;
        }
    }
}

/// The word table of a file, checked against a configuration.
fn word_table<'a>(file: &'a MmapedSafetensors, config: &BertConfig) -> candle_core::Result<&'a [u8]> {
    let table = file.get(&format!("{}embeddings.word_embeddings.weight", prefix_of(file)))?;
    if table.shape().len() != 2 || table.shape()[1] != config.hidden_size {
        candle_core::bail!("the word table has shape {:?}, not [words, {}]", table.shape(), config.hidden_size);
    }
    if DType::try_from(table.dtype())? != DType::F32 {
        candle_core::bail!("the word table must be f32");
    }
    Ok(table.data())
}

/// Some texts of a batch that go through the layers together.
struct Group<'a> {
    /// Which of the batch.
    texts: Range<usize>,
    /// The tokens of a text.
    length: &'a dyn Fn(usize) -> usize,
    /// Fills the row of a text's token.
    embed: &'a dyn Fn(usize, usize, &mut [f32]),
    wanted: Wanted,
}

/// Packed layers, whatever they are packed for.
trait Layers: Send + Sync {
    /// Runs one group: `take` gets each text's last hidden states that are wanted.
    fn run(&self, group: Group<'_>, take: &mut dyn FnMut(usize, &mut [f32]));

    fn packed_bytes(&self) -> usize;
}

struct Packed<D: Dense> {
    dense: D,
    heads: Heads,
    activation: Activation,
    norm: Norm,
    layers: Vec<Layer<D::Panels>>,
    /// Memory of passes that have ended; as many as ever ran at once.
    spare: Mutex<Vec<Scratch<Element<D>, D::Left>>>,
}

impl<D: Dense> Packed<D> {
    fn pack(dense: D, config: &BertConfig, weights: &Weights<'_>, norm: Norm) -> candle_core::Result<Self> {
        let Some(activation) = config.activation() else {
            candle_core::bail!("the activation {} is not known", config.hidden_act);
        };
        let heads = Heads { count: config.num_attention_heads, width: config.hidden_size / config.num_attention_heads };
        let mut arena = Arena::default();
        let layers = (0..config.num_hidden_layers)
            .map(|index| Ok(Layer::pack(dense, heads, weights.layer(index)?, &mut arena)?))
            .collect::<candle_core::Result<_>>()?;
        let depth = padded_depth::<D::Between>(norm.width);
        Ok(Self { dense, heads, activation, norm: norm.padded(depth), layers, spare: Mutex::new(Vec::new()) })
    }
}

impl<D: Dense> Layers for Packed<D> {
    fn run(&self, group: Group<'_>, take: &mut dyn FnMut(usize, &mut [f32])) {
        let Group { texts, length, embed, wanted } = group;
        let spare = || self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        let mut scratch = spare().pop().unwrap_or_default();
        let mut lengths = std::mem::take(&mut scratch.lengths);
        lengths.clear();
        lengths.extend(texts.clone().map(length));
        let hidden = self.heads.count * self.heads.width;
        let tokens: usize = lengths.iter().sum();
        let x = scratch.x.hold(tokens * hidden);
        let mut rows = x.chunks_exact_mut(hidden);
        for (text, &length) in texts.clone().zip(&lengths) {
            for (position, row) in (0..length).zip(&mut rows) {
                embed(text, position, row);
            }
        }
        let Self { dense, layers, heads, activation, norm, .. } = self;
        let pass = Pass { dense: *dense, heads: *heads, activation: *activation, lengths: &lengths };
        run_layers(pass, layers, norm, wanted, &mut scratch);
        let mut start = 0;
        for (text, &length) in texts.zip(&lengths) {
            let rows = match wanted {
                Wanted::All => length,
                Wanted::First => 1,
            };
            take(text, &mut scratch.x[start * hidden..][..rows * hidden]);
            start += rows;
        }
        scratch.lengths = lengths;
        spare().push(scratch);
    }

    fn packed_bytes(&self) -> usize {
        self.layers.iter().map(Layer::bytes::<D>).sum()
    }
}

/// Packs the layers for `instructions` and products in `precision`.
fn pack(
    instructions: Instructions,
    precision: Computed,
    config: &BertConfig,
    weights: &Weights<'_>,
    norm: Norm,
) -> candle_core::Result<Box<dyn Layers>> {
    fn boxed<D: Dense>(
        dense: D,
        config: &BertConfig,
        weights: &Weights<'_>,
        norm: Norm,
    ) -> candle_core::Result<Box<dyn Layers>> {
        Ok(Box::new(Packed::pack(dense, config, weights, norm)?))
    }
    let missing =
        || candle_core::Error::msg(format!("this machine has no {} {}", instructions.name(), precision.name()));
    #[cfg(target_arch = "x86_64")]
    let (v3, v4) = (pulp::x86::V3::try_new, pulp::x86::V4::try_new);
    match (instructions, precision) {
        #[cfg(target_arch = "x86_64")]
        (Instructions::Amx, Computed::Bf16) => boxed(amx::Amx::try_new().ok_or_else(missing)?, config, weights, norm),
        #[cfg(target_arch = "x86_64")]
        (Instructions::Amx, Computed::Int8) => {
            let between = amx::Amx::try_new().ok_or_else(missing)?;
            boxed(Int8 { kernel: int8::AmxInt8::new(between), between }, config, weights, norm)
        }
        #[cfg(target_arch = "x86_64")]
        (Instructions::Avx512, Computed::Bf16) => {
            boxed(bf16::Bf16::try_new().ok_or_else(missing)?, config, weights, norm)
        }
        #[cfg(target_arch = "x86_64")]
        (Instructions::Avx512, Computed::Int8) if let Some(kernel) = int8::Vnni::try_new() => {
            if let Some(between) = bf16::Bf16::try_new().filter(|_| instructions.is_bf16_faster()) {
                boxed(Int8 { kernel, between }, config, weights, norm)
            } else {
                let between = F32(v4().ok_or_else(missing)?);
                boxed(Int8 { kernel, between }, config, weights, norm)
            }
        }
        #[cfg(target_arch = "x86_64")]
        (Instructions::Amx | Instructions::Avx512, Computed::F32) => {
            boxed(F32(v4().ok_or_else(missing)?), config, weights, norm)
        }
        #[cfg(target_arch = "x86_64")]
        (Instructions::Avx2, Computed::F32) => boxed(F32(v3().ok_or_else(missing)?), config, weights, norm),
        #[cfg(target_arch = "x86_64")]
        (Instructions::Avx512 | Instructions::Avx2, Computed::Int8) => {
            let simd = v3().ok_or_else(missing)?;
            boxed(Int8 { kernel: int8::Avx2Words::new(simd), between: F32(simd) }, config, weights, norm)
        }
        (Instructions::Portable, Computed::F32) => boxed(F32(pulp::Scalar128b), config, weights, norm),
        (Instructions::Portable, Computed::Int8) => {
            boxed(Int8 { kernel: int8::Words, between: F32(pulp::Scalar128b) }, config, weights, norm)
        }
        _ => Err(missing()),
    }
}
