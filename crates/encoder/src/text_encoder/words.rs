//! Token ids in, their rows of a mapped word table out; knows nothing of layers.
//!
//! The word table is half of a small model. It stays mapped: only the rows of tokens that occur are ever read.

use std::path::PathBuf;
use std::sync::Arc;

use candle_core::safetensors::MmapedSafetensors;
use candle_core::{DType, Device, Tensor};

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
        let words = Tensor::from_raw_buffer(&bytes, self.stored, &shape, &Device::Cpu)?.to_dtype(DType::F32)?;
        // Checked here and not when it is opened, which would read the whole table.
        if !words.flatten_all()?.to_vec1::<f32>()?.iter().all(|value| value.is_finite()) {
            candle_core::bail!("{}: tensor `{}` holds a number that is not finite", self.path.display(), self.name);
        }
        words.to_dtype(dtype)?.to_device(device)
    }
}
