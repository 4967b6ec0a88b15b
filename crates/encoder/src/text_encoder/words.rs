//! Token ids in, their rows of a mapped word table out; knows nothing of layers.
//!
//! The word table is half of a small model. It stays mapped: only the rows of tokens that occur are ever read.

use std::path::PathBuf;
use std::sync::Arc;

use candle_core::safetensors::MmapedSafetensors;
use candle_core::{DType, Device, Tensor};

use crate::error::{Error, Result};

/// Rows that are checked at once.
const ROWS_CHECKED: usize = 4096;

/// A word table `[rows, width]` in a mapped file.
pub(super) struct WordTable {
    pub(super) file: Arc<MmapedSafetensors>,
    pub(super) path: PathBuf,
    pub(super) name: String,
    pub(super) rows: usize,
    pub(super) width: usize,
    /// f64, f32, f16 or bf16.
    pub(super) stored: DType,
}

impl WordTable {
    /// The rows of a batch's tokens, one text after the other, `[tokens, width]`.
    pub(super) fn gather(&self, batch: &[&[u32]], device: &Device, dtype: DType) -> candle_core::Result<Tensor> {
        let words = self.rows_of(batch)?;
        // Checked here and not when it is opened, which would read the whole table.
        if !is_finite(&words)? {
            candle_core::bail!("{}: tensor `{}` holds a number that is not finite", self.path.display(), self.name);
        }
        words.to_dtype(dtype)?.to_device(device)
    }

    /// The rows in f32 on the CPU.
    fn rows_of(&self, batch: &[&[u32]]) -> candle_core::Result<Tensor> {
        let table = self.file.get(&self.name)?;
        let row_bytes = self.width * self.stored.size_in_bytes();
        let tokens: usize = batch.iter().map(|ids| ids.len()).sum();
        let mut bytes = Vec::with_capacity(tokens * row_bytes);
        for &id in batch.iter().copied().flatten() {
            let row = id as usize;
            if row >= self.rows {
                candle_core::bail!("token id {id} is outside the vocabulary of {}", self.rows);
            }
            bytes.extend_from_slice(&table.data()[row * row_bytes..(row + 1) * row_bytes]);
        }
        let shape = [tokens, self.width];
        Tensor::from_raw_buffer(&bytes, self.stored, &shape, &Device::Cpu)?.to_dtype(DType::F32)
    }

    /// Reads the whole table and checks that every number is finite.
    pub(super) fn check(&self) -> Result<()> {
        let ids: Vec<u32> = (0..self.rows as u32).collect();
        for ids in ids.chunks(ROWS_CHECKED) {
            let words = self.rows_of(&[ids]).map_err(Error::tensor("load the weights"))?;
            if !is_finite(&words).map_err(Error::tensor("load the weights"))? {
                let (path, tensor) = (self.path.clone(), self.name.clone());
                return Err(Error::Weights { path, tensor, reason: "holds a number that is not finite".into() });
            }
        }
        Ok(())
    }
}

/// Whether no value of an f32 tensor is infinite or no number.
pub(super) fn is_finite(tensor: &Tensor) -> candle_core::Result<bool> {
    Ok(tensor.flatten_all()?.to_vec1::<f32>()?.iter().all(|value| value.is_finite()))
}
