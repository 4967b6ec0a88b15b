//! A weights file in, checked tensors on a device out; knows the names and shapes it is asked for, and no architecture.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::safetensors::MmapedSafetensors;
use candle_core::{DType, Device, Tensor};

use super::layer::{Linear, Norm};
use super::words::{WordTable, is_finite};
use crate::bert::map_weights;
use crate::error::{Error, Result};

/// Whether a linear layer or a norm has a bias.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bias {
    Has,
    None,
}

impl From<bool> for Bias {
    fn from(has: bool) -> Self {
        if has { Self::Has } else { Self::None }
    }
}

/// A mapped weights file and where its tensors go.
pub(super) struct Reader {
    file: Arc<MmapedSafetensors>,
    path: PathBuf,
    device: Device,
    dtype: DType,
    prefix: &'static str,
    taken: HashSet<String>,
}

impl Reader {
    pub(super) fn open(path: &Path, device: &Device, dtype: DType) -> Result<Self> {
        let file = Arc::new(map_weights(path)?);
        let taken = HashSet::new();
        Ok(Self { file, path: path.to_path_buf(), device: device.clone(), dtype, prefix: "", taken })
    }

    pub(super) fn device(&self) -> &Device {
        &self.device
    }

    pub(super) fn dtype(&self) -> DType {
        self.dtype
    }

    /// An [`Error::Weights`] about tensor `name`.
    fn wrong(&self, name: &str, reason: impl Into<String>) -> Error {
        Error::Weights { path: self.path.clone(), tensor: name.to_owned(), reason: reason.into() }
    }

    /// Takes what stands before every name: the first of `prefixes` under which the file has `name`, else the first.
    pub(super) fn find_prefix(&mut self, prefixes: &[&'static str], name: &str) {
        let has = |prefix: &&&str| self.file.get(&format!("{prefix}{name}")).is_ok();
        self.prefix = prefixes.iter().find(has).or_else(|| prefixes.first()).copied().unwrap_or_default();
    }

    /// Whether the file has tensor `name`.
    pub(super) fn has(&self, name: &str) -> bool {
        self.file.get(&format!("{}{name}", self.prefix)).is_ok()
    }

    /// The stored shape and element type of a tensor, by its full name.
    fn stored(&self, full: &str) -> Result<(Vec<usize>, DType)> {
        let view = self.file.get(full).map_err(|_| self.wrong(full, "is missing"))?;
        match DType::try_from(view.dtype()) {
            Ok(dtype @ (DType::F64 | DType::F32 | DType::F16 | DType::BF16)) => Ok((view.shape().to_vec(), dtype)),
            _ => {
                Err(self.wrong(full, format!("is stored as {:?}; only f64, f32, f16 and bf16 run here", view.dtype())))
            }
        }
    }

    /// Tensor `name`, which must have `shape` and only finite numbers.
    pub(super) fn tensor(&mut self, name: &str, shape: &[usize]) -> Result<Tensor> {
        let full = format!("{}{name}", self.prefix);
        let (stored, _) = self.stored(&full)?;
        if stored != shape {
            return Err(self.wrong(&full, format!("has shape {stored:?}, config.json says {shape:?}")));
        }
        let load = || -> candle_core::Result<Option<Tensor>> {
            // On the CPU first: the check would otherwise wait for the device at every tensor.
            let tensor = self.file.load(&full, &Device::Cpu)?.to_dtype(DType::F32)?;
            if is_finite(&tensor)? { tensor.to_dtype(self.dtype)?.to_device(&self.device).map(Some) } else { Ok(None) }
        };
        let tensor = load().map_err(Error::tensor("load the weights"))?;
        let tensor = tensor.ok_or_else(|| self.wrong(&full, "holds a number that is not finite"))?;
        self.taken.insert(full);
        Ok(tensor)
    }

    /// The two sizes of tensor `name`, neither 0.
    pub(super) fn shape2(&self, name: &str) -> Result<(usize, usize)> {
        let full = format!("{}{name}", self.prefix);
        match self.stored(&full)?.0[..] {
            [rows, columns] if rows > 0 && columns > 0 => Ok((rows, columns)),
            ref shape => Err(self.wrong(&full, format!("has shape {shape:?}, not [rows, columns]"))),
        }
    }

    /// Tensor `name` as row numbers below `rows`; stored as integers of any width.
    pub(super) fn row_numbers(&self, name: &str, rows: usize) -> Result<Vec<u32>> {
        let full = format!("{}{name}", self.prefix);
        let load = || self.file.load(&full, &Device::Cpu)?.to_dtype(DType::I64)?.flatten_all()?.to_vec1::<i64>();
        let numbers = load().map_err(Error::tensor("load the weights"))?;
        let number = |value: i64| u32::try_from(value).ok().filter(|value| (*value as usize) < rows);
        let checked: Option<Vec<u32>> = numbers.into_iter().map(number).collect();
        checked.ok_or_else(|| self.wrong(&full, format!("names a row outside the table of {rows}")))
    }

    /// The linear layer `name` from `inputs` to `outputs`.
    pub(super) fn linear(&mut self, name: &str, inputs: usize, outputs: usize, bias: Bias) -> Result<Linear> {
        self.joined(&[(name, outputs)], inputs, bias)
    }

    /// Linear layers over one input as one product; their outputs lie one after the other.
    pub(super) fn joined(&mut self, parts: &[(&str, usize)], inputs: usize, bias: Bias) -> Result<Linear> {
        let (mut weights, mut biases) = (Vec::new(), Vec::new());
        for &(name, outputs) in parts {
            weights.push(self.tensor(&format!("{name}.weight"), &[outputs, inputs])?);
            if bias == Bias::Has {
                biases.push(self.tensor(&format!("{name}.bias"), &[outputs])?);
            }
        }
        let join = || -> candle_core::Result<Linear> {
            let bias = if biases.is_empty() { None } else { Some(Tensor::cat(&biases, 0)?) };
            Ok(Linear { weight: Tensor::cat(&weights, 0)?.t()?, bias })
        };
        join().map_err(Error::tensor("load the weights"))
    }

    /// The layer norm `name` over `width` values.
    pub(super) fn layer_norm(&mut self, name: &str, width: usize, eps: f64, bias: Bias) -> Result<Norm> {
        let weight = self.tensor(&format!("{name}.weight"), &[width])?;
        let bias = match bias {
            Bias::Has => self.tensor(&format!("{name}.bias"), &[width])?,
            Bias::None => weight.zeros_like().map_err(Error::tensor("load the weights"))?,
        };
        Ok(Norm::Layer { weight, bias, eps: eps as f32 })
    }

    /// The root-mean-square norm `name` over `width` values.
    pub(super) fn rms_norm(&mut self, name: &str, width: usize, eps: f64) -> Result<Norm> {
        Ok(Norm::RootMeanSquare { weight: self.tensor(&format!("{name}.weight"), &[width])?, eps: eps as f32 })
    }

    /// The word table `name`, `[words, width]`, which stays mapped.
    pub(super) fn words(&mut self, name: &str, width: usize) -> Result<WordTable> {
        let full = format!("{}{name}", self.prefix);
        let (shape, stored) = self.stored(&full)?;
        match shape[..] {
            [rows, columns] if columns == width && rows > 0 => {
                self.taken.insert(full.clone());
                Ok(WordTable { file: Arc::clone(&self.file), path: self.path.clone(), name: full, rows, width, stored })
            }
            _ => Err(self.wrong(&full, format!("has shape {shape:?}, config.json says [words, {width}]"))),
        }
    }

    /// Checks that nothing below `layers` (such as `encoder.layer.`) was left unread: a file with more layers or other
    /// parts than its configuration says would otherwise give vectors that are quietly wrong.
    pub(super) fn finish(&self, layers: &str) -> Result<()> {
        let below = format!("{}{layers}", self.prefix);
        // Tables that some versions wrote and every version computes.
        let is_computed = |name: &str| name.ends_with("inv_freq") || name.ends_with("position_ids");
        let mut names: Vec<String> = self.file.tensors().into_iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        match names.iter().find(|name| name.starts_with(&below) && !self.taken.contains(*name) && !is_computed(name)) {
            Some(name) => Err(self.wrong(name, "belongs to no part of the model that config.json describes")),
            None => Ok(()),
        }
    }
}
