//! Token ids in, last hidden states out: one forward pass for every transformer family; knows nothing of files.
//!
//! All texts of a batch lie one after the other in one `[tokens, hidden]` matrix, so every linear layer is one matrix
//! product without padding. Only attention looks at single texts.

use candle_core::{DType, Device, Tensor};

use super::attention::{Heads, Plan, Reach, Slopes, View};
use super::groups::{Group, equal_length_groups};
use super::layer::{FeedForward, Linear, Norm};
use super::rotary::Rotary;
use super::words::WordTable;

/// Where a layer's norms stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NormPlace {
    /// On what goes into each part, as newer models do.
    Before,
    /// On the sum of each part and its input, as BERT does.
    After,
}

/// What is added to the word vectors.
pub(super) enum Added {
    Nothing,
    /// One row for every token: `[1, hidden]`.
    Row(Tensor),
    Positions {
        /// One row a position, with token type 0: `[positions, hidden]`.
        table: Tensor,
        /// What token type 1 adds to that, `[1, hidden]`, where there is such a type.
        second_type: Option<Tensor>,
    },
}

/// Which token types occur in a batch.
#[derive(Debug, Clone, Copy)]
pub(super) enum Types<'a> {
    /// Type 0 only.
    First,
    /// Of each text so many tokens of type 0, and then of type 1.
    Both(&'a [usize]),
}

/// What a layer's tokens see, and by which positions. Layers of one kind share their masks and tables.
#[derive(Debug)]
pub(super) struct LayerKind {
    pub(super) reach: Reach,
    pub(super) rotary: Option<Rotary>,
}

/// One layer.
pub(super) struct Layer {
    /// Index among the model's kinds.
    pub(super) kind: usize,
    /// Missing where a part has no norm.
    pub(super) attention_norm: Option<Norm>,
    /// Queries, keys and values in one product.
    pub(super) qkv: Linear,
    /// Norms of each head's queries and keys.
    pub(super) head_norms: Option<(Norm, Norm)>,
    pub(super) attention_out: Linear,
    pub(super) feed_norm: Norm,
    pub(super) feed: FeedForward,
}

/// A transformer with its weights on one device.
pub(super) struct Transformer {
    pub(super) words: WordTable,
    pub(super) added: Added,
    pub(super) embedding_norm: Option<Norm>,
    pub(super) heads: Heads,
    pub(super) slopes: Option<Slopes>,
    pub(super) kinds: Vec<LayerKind>,
    pub(super) norm_place: NormPlace,
    pub(super) layers: Vec<Layer>,
    pub(super) final_norm: Option<Norm>,
    pub(super) tokens_max: usize,
    pub(super) device: Device,
    pub(super) dtype: DType,
}

impl std::fmt::Debug for Transformer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transformer")
            .field("hidden", &self.words.width)
            .field("layers", &self.layers.len())
            .field("heads", &self.heads)
            .field("kinds", &self.kinds)
            .field("device", &self.device)
            .finish_non_exhaustive()
    }
}

impl Transformer {
    pub(super) fn hidden(&self) -> usize {
        self.words.width
    }

    pub(super) fn words(&self) -> &WordTable {
        &self.words
    }

    pub(super) fn vocabulary_size(&self) -> usize {
        self.words.rows
    }

    pub(super) fn tokens_max(&self) -> usize {
        self.tokens_max
    }

    /// The last hidden states, `[tokens, hidden]`.
    pub(super) fn forward(&self, batch: &[&[u32]], types: Types<'_>) -> candle_core::Result<Tensor> {
        let longest = batch.iter().map(|ids| ids.len()).max().unwrap_or(0);
        if longest > self.tokens_max {
            candle_core::bail!("a text has {longest} tokens, the model reads {}", self.tokens_max);
        }
        if longest == 0 {
            return Tensor::zeros((0, self.hidden()), self.dtype, &self.device);
        }
        let mut groups = equal_length_groups(batch);
        groups.retain(|group| group.length > 0);
        let plans = self.plans(&groups, longest)?;
        let mut x = self.embed(batch, types)?;
        for layer in &self.layers {
            x = self.run(layer, &plans[layer.kind], x)?;
        }
        match &self.final_norm {
            Some(norm) => norm.forward(&x),
            None => Ok(x),
        }
    }

    fn plans<'a>(&'a self, groups: &'a [Group], longest: usize) -> candle_core::Result<Vec<Plan<'a>>> {
        let place = (&self.device, self.dtype);
        let plan = |kind: &LayerKind| {
            let rotary = kind.rotary.as_ref().map(|rotary| rotary.tables(longest, &self.device, self.dtype));
            let view = View { heads: self.heads, reach: kind.reach, slopes: self.slopes.as_ref() };
            Plan::new(view, rotary.transpose()?, groups, place)
        };
        self.kinds.iter().map(plan).collect()
    }

    fn run(&self, layer: &Layer, plan: &Plan<'_>, x: Tensor) -> candle_core::Result<Tensor> {
        let attend = |x: &Tensor| {
            let attended = plan.attend(&layer.qkv.forward(x)?, layer.head_norms.as_ref())?;
            layer.attention_out.forward(&attended)
        };
        let norm_attention = |x: Tensor| match &layer.attention_norm {
            Some(norm) => norm.forward(&x),
            None => Ok(x),
        };
        match self.norm_place {
            NormPlace::After => {
                let x = norm_attention((attend(&x)? + x)?)?;
                layer.feed_norm.forward(&(layer.feed.forward(&x)? + x)?)
            }
            NormPlace::Before => {
                let x = (attend(&norm_attention(x.clone())?)? + x)?;
                layer.feed.forward(&layer.feed_norm.forward(&x)?)? + x
            }
        }
    }

    /// Word vectors with what is added to them: `[tokens, hidden]`.
    fn embed(&self, batch: &[&[u32]], types: Types<'_>) -> candle_core::Result<Tensor> {
        let words = self.words.gather(batch, &self.device, self.dtype)?;
        let x = match &self.added {
            Added::Nothing => words,
            Added::Row(row) => words.broadcast_add(row)?,
            Added::Positions { table, .. } => {
                let positions: Vec<u32> = batch.iter().flat_map(|ids| 0..ids.len() as u32).collect();
                let tokens = positions.len();
                let positions = Tensor::from_vec(positions, tokens, &self.device)?;
                (words + table.index_select(&positions, 0)?)?
            }
        };
        let x = match types {
            Types::First => x,
            Types::Both(firsts) => self.add_types(&x, batch, firsts)?,
        };
        match &self.embedding_norm {
            Some(norm) => norm.forward(&x),
            None => Ok(x),
        }
    }

    /// `x` with token type 1 for what stands behind the first tokens of each text.
    fn add_types(&self, x: &Tensor, batch: &[&[u32]], firsts: &[usize]) -> candle_core::Result<Tensor> {
        if batch.iter().zip(firsts).all(|(ids, first)| ids.len() <= *first) {
            return Ok(x.clone());
        }
        let Added::Positions { second_type: Some(second_type), .. } = &self.added else {
            candle_core::bail!("the model has one token type only");
        };
        let is_second = batch
            .iter()
            .zip(firsts)
            .flat_map(|(ids, first)| (0..ids.len()).map(move |position| if position < *first { 0.0 } else { 1.0_f32 }));
        let is_second: Vec<f32> = is_second.collect();
        let shape = (is_second.len(), 1);
        let is_second = Tensor::from_vec(is_second, shape, &self.device)?.to_dtype(self.dtype)?;
        x + is_second.matmul(second_type)?
    }
}
