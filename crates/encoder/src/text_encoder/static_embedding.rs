//! Token ids in, one vector each from a table out: static embeddings in the format of Model2Vec; there are no layers.
//!
//! A text's vector is the mean of its rows, which its caller computes. The ids come without special tokens and without
//! unknown words, as the models were distilled.

use std::path::Path;

use candle_core::{DType, Device, Tensor};

use super::reader::Reader;
use crate::error::{Error, Result};

/// A table of word vectors.
#[derive(Debug)]
pub(super) struct StaticEmbedding {
    /// `[rows, width]`.
    table: Tensor,
    name: &'static str,
    /// The row of each id, where several words share one.
    rows: Option<Vec<u32>>,
    /// The factor of each id.
    weights: Option<Vec<f32>>,
}

impl StaticEmbedding {
    /// Opens `embeddings` `[rows, width]` with, where the file has them, `mapping` `[words]` from ids to rows and `weights`
    /// `[words]`, one factor an id.
    pub(super) fn open(weights: &Path, device: &Device, dtype: DType) -> Result<Self> {
        let mut reader = Reader::open(weights, device, dtype)?;
        // sentence-transformers writes the table under the second name.
        let name =
            if reader.has("embeddings") || !reader.has("embedding.weight") { "embeddings" } else { "embedding.weight" };
        let (rows, width) = reader.shape2(name)?;
        let table = reader.tensor(name, &[rows, width])?;
        let mapping = if reader.has("mapping") { Some(reader.row_numbers("mapping", rows)?) } else { None };
        let words = mapping.as_ref().map_or(rows, Vec::len);
        let weights = if reader.has("weights") {
            let weights = reader.tensor("weights", &[words])?;
            let values = weights.to_dtype(DType::F32).and_then(|weights| weights.to_vec1::<f32>());
            Some(values.map_err(Error::tensor("load the weights"))?)
        } else {
            None
        };
        Ok(Self { table, name, rows: mapping, weights })
    }

    pub(super) fn name(&self) -> &str {
        self.name
    }

    pub(super) fn width(&self) -> usize {
        self.table.dims()[1]
    }

    pub(super) fn vocabulary_size(&self) -> usize {
        self.rows.as_ref().map_or(self.table.dims()[0], Vec::len)
    }

    /// One row a token, `[tokens, width]`.
    pub(super) fn forward(&self, batch: &[&[u32]]) -> candle_core::Result<Tensor> {
        let words = self.vocabulary_size();
        let ids: Vec<u32> = batch.iter().copied().flatten().copied().collect();
        if let Some(id) = ids.iter().find(|id| **id as usize >= words) {
            candle_core::bail!("token id {id} is outside the vocabulary of {words}");
        }
        let tokens = ids.len();
        if tokens == 0 {
            return Tensor::zeros((0, self.width()), self.table.dtype(), self.table.device());
        }
        let factors = self.weights.as_ref().map(|all| ids.iter().map(|id| all[*id as usize]).collect::<Vec<_>>());
        let rows = match &self.rows {
            Some(rows) => ids.iter().map(|id| rows[*id as usize]).collect(),
            None => ids,
        };
        let device = self.table.device();
        let vectors = self.table.index_select(&Tensor::from_vec(rows, tokens, device)?, 0)?;
        match factors {
            Some(factors) => {
                let factors = Tensor::from_vec(factors, (tokens, 1), device)?.to_dtype(self.table.dtype())?;
                vectors.broadcast_mul(&factors)
            }
            None => Ok(vectors),
        }
    }
}
