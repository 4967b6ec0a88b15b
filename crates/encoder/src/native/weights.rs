//! A weights file in, its tensors as checked values out, linear layers as columns to be packed; knows nothing of how.

use std::borrow::Cow;
use std::ops::Range;

use candle_core::safetensors::{Load, MmapedSafetensors};
use candle_core::{DType, Device};
use pulp::bytemuck::{cast_slice, try_cast_slice};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};

use super::functions::Norm;
use super::kernel::Column;
use crate::bert::{BertConfig, prefix_where};

/// Where tensors are read from.
pub(super) enum Source<'a> {
    /// A mapped file.
    Mapped(&'a MmapedSafetensors),
    /// The bytes of a file in memory.
    Bytes(SafeTensors<'a>),
}

impl<'a> Source<'a> {
    fn get(&self, name: &str) -> candle_core::Result<TensorView<'a>> {
        match self {
            Self::Mapped(file) => file.get(name),
            Self::Bytes(bytes) => {
                bytes.tensor(name).map_err(|_| candle_core::Error::CannotFindTensor { path: name.into() })
            }
        }
    }
}

/// The values of a tensor, row-major: those of f32 are read where the file is mapped.
type Values<'a> = Cow<'a, [f32]>;

/// The weights of one layer as they are stored: linear layers `[outputs, inputs]`.
pub(super) struct LayerWeights<'a> {
    /// Scaled by 1 / √head.
    pub(super) query: Linear<'a>,
    pub(super) key: Linear<'a>,
    pub(super) value: Linear<'a>,
    pub(super) attention_out: Linear<'a>,
    pub(super) attention_norm: Norm,
    pub(super) up: Linear<'a>,
    pub(super) down: Linear<'a>,
    pub(super) out_norm: Norm,
}

/// A linear layer's weight and bias.
pub(super) struct Linear<'a> {
    weight: Values<'a>,
    bias: Values<'a>,
}

impl Linear<'_> {
    fn inputs(&self) -> usize {
        self.weight.len() / self.bias.len()
    }

    /// Some outputs of the layer as columns, and then columns of zeros, `count` in all.
    pub(super) fn columns(&self, outputs: Range<usize>, count: usize) -> impl Iterator<Item = Column<'_>> {
        let (inputs, padding) = (self.inputs(), count - outputs.len());
        let weights = self.weight[outputs.start * inputs..outputs.end * inputs].chunks_exact(inputs);
        let own = weights.zip(&self.bias[outputs]).map(|(weight, &bias)| Column { weight, bias });
        own.chain(std::iter::repeat_n(Column::default(), padding))
    }

    /// The layer with inputs that do not count, so that after each `width` of its own there are `padded`.
    pub(super) fn with_padded_inputs(self, width: usize, padded: usize) -> Self {
        if width == padded {
            return self;
        }
        let mut weight = Vec::with_capacity(self.weight.len() / width * padded);
        for own in self.weight.chunks_exact(width) {
            weight.extend_from_slice(own);
            weight.resize(weight.len() + padded - width, 0.0);
        }
        Self { weight: weight.into(), bias: self.bias }
    }

    /// The layer cut into parts of `count` outputs each.
    pub(super) fn parts_of_outputs(&self, count: usize) -> impl Iterator<Item = Vec<Column<'_>>> {
        let outputs = self.bias.len();
        (0..outputs).step_by(count).map(move |start| {
            let own = start..outputs.min(start + count);
            self.columns(own.clone(), own.len()).collect()
        })
    }

    /// The layer cut into parts of `count` inputs each, whose outputs sum up to its own; the first has the bias.
    pub(super) fn parts_of_inputs(&self, count: usize) -> impl Iterator<Item = Vec<Column<'_>>> {
        let (outputs, inputs) = (self.bias.len(), self.inputs());
        (0..inputs).step_by(count).map(move |start| {
            let own = start..inputs.min(start + count);
            let columns = self.columns(0..outputs, outputs);
            let part = columns.map(|Column { weight, bias }| Column {
                weight: &weight[own.clone()],
                bias: if start == 0 { bias } else { 0.0 },
            });
            part.collect()
        })
    }
}

/// The tensors of a file, checked against a configuration.
pub(super) struct Weights<'a> {
    source: Source<'a>,
    prefix: &'static str,
    config: &'a BertConfig,
}

/// What is added to the word vectors.
pub(super) struct Added {
    /// `[positions, hidden]` from a text's first on, position plus token type 0.
    pub(super) positions: Vec<f32>,
    /// What token type 1 adds to that, `[hidden]`; empty where there is no such type.
    pub(super) second_type: Vec<f32>,
    /// The norm after it.
    pub(super) norm: Norm,
}

impl<'a> Weights<'a> {
    pub(super) fn new(source: Source<'a>, config: &'a BertConfig) -> Self {
        // Every such file has this one, word table or not.
        let prefix = prefix_where(|prefix| source.get(&format!("{prefix}embeddings.LayerNorm.weight")).is_ok());
        Self { source, prefix, config }
    }

    /// Width of the feed-forward part.
    pub(super) fn intermediate(&self) -> candle_core::Result<usize> {
        let name = format!("{}encoder.layer.0.intermediate.dense.bias", self.prefix);
        Ok(self.source.get(&name)?.shape().iter().product())
    }

    /// The tensor `name`.
    fn load(&self, name: &str, shape: &[usize]) -> candle_core::Result<Values<'a>> {
        let tensor = self.source.get(&format!("{}{name}", self.prefix))?;
        if tensor.shape() != shape {
            candle_core::bail!("the tensor {name} has shape {:?}, not {shape:?}", tensor.shape());
        }
        if tensor.dtype() == Dtype::I8 {
            return self.scaled(name, tensor.data(), shape);
        }
        if cfg!(target_endian = "little")
            && tensor.dtype() == Dtype::F32
            && let Ok(values) = try_cast_slice(tensor.data())
        {
            return Ok(Cow::Borrowed(values));
        }
        let tensor = tensor.load(&Device::Cpu)?;
        Ok(Cow::Owned(tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?))
    }

    /// The values of whole numbers of 8 bits, `[rows, columns]`, which the tensor of this name and `_scale` has a factor a row for.
    fn scaled(&self, name: &str, numbers: &[u8], shape: &[usize]) -> candle_core::Result<Values<'a>> {
        let &[rows, columns] = shape else {
            candle_core::bail!("the tensor {name} of 8 bits has shape {shape:?}, not [rows, columns]");
        };
        let scales = self.load(&format!("{name}_scale"), &[rows])?;
        let numbers: &[i8] = cast_slice(numbers);
        let rows = numbers.chunks_exact(columns.max(1)).zip(scales.iter());
        Ok(rows.flat_map(|(row, scale)| row.iter().map(move |number| f32::from(*number) * scale)).collect())
    }

    fn linear(&self, name: &str, outputs: usize, inputs: usize) -> candle_core::Result<Linear<'a>> {
        Ok(Linear {
            weight: self.load(&format!("{name}.weight"), &[outputs, inputs])?,
            bias: self.load(&format!("{name}.bias"), &[outputs])?,
        })
    }

    fn norm(&self, name: &str) -> candle_core::Result<Norm> {
        let hidden = self.config.hidden_size;
        Ok(Norm {
            weight: self.load(&format!("{name}.weight"), &[hidden])?.into_owned(),
            bias: self.load(&format!("{name}.bias"), &[hidden])?.into_owned(),
            width: hidden,
            eps: self.config.layer_norm_eps as f32,
        })
    }

    /// What is added to the word vectors, and the norm after it.
    pub(super) fn added(&self) -> candle_core::Result<Added> {
        let hidden = self.config.hidden_size;
        let types = "embeddings.token_type_embeddings.weight";
        let shape = self.source.get(&format!("{}{types}", self.prefix))?.shape().to_vec();
        let types = self.load(types, &[shape.first().copied().unwrap_or_default().max(1), hidden])?;
        let (first, rest) = types.split_at(hidden);
        let second_type = rest.iter().take(hidden).zip(first).map(|(second, first)| second - first).collect();
        let positions =
            self.load("embeddings.position_embeddings.weight", &[self.config.max_position_embeddings, hidden])?;
        let mut positions = positions[self.config.first_position() * hidden..].to_vec();
        for row in positions.chunks_exact_mut(hidden) {
            row.iter_mut().zip(first).for_each(|(value, add)| *value += add);
        }
        Ok(Added { positions, second_type, norm: self.norm("embeddings.LayerNorm")? })
    }

    /// Layer `index`.
    pub(super) fn layer(&self, index: usize) -> candle_core::Result<LayerWeights<'a>> {
        let hidden = self.config.hidden_size;
        let intermediate = self.intermediate()?;
        let at = format!("encoder.layer.{index}");
        let attention = |part: &str| self.linear(&format!("{at}.attention.self.{part}"), hidden, hidden);
        let mut query = attention("query")?;
        let scale = 1.0 / ((hidden / self.config.num_attention_heads) as f32).sqrt();
        query.weight.to_mut().iter_mut().chain(query.bias.to_mut()).for_each(|value| *value *= scale);
        Ok(LayerWeights {
            query,
            key: attention("key")?,
            value: attention("value")?,
            attention_out: self.linear(&format!("{at}.attention.output.dense"), hidden, hidden)?,
            attention_norm: self.norm(&format!("{at}.attention.output.LayerNorm"))?,
            up: self.linear(&format!("{at}.intermediate.dense"), intermediate, hidden)?,
            down: self.linear(&format!("{at}.output.dense"), hidden, intermediate)?,
            out_norm: self.norm(&format!("{at}.output.LayerNorm"))?,
        })
    }
}
