//! A `config.json` in, its values out, with errors that name the file; knows no architecture.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::activation::Activation;
use crate::error::{Error, Result};

/// A parsed `config.json`.
pub(super) struct ConfigFile {
    path: PathBuf,
    value: Value,
}

impl ConfigFile {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let wrong = |reason: String| Error::Config { path: path.to_path_buf(), reason };
        let bytes = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
        let value: Value = serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))?;
        if !value.is_object() {
            return Err(wrong("this is no JSON object".into()));
        }
        Ok(Self { path: path.to_path_buf(), value })
    }

    /// An [`Error::Config`] about this file.
    pub(super) fn wrong(&self, reason: impl Into<String>) -> Error {
        Error::Config { path: self.path.clone(), reason: reason.into() }
    }

    /// The values that a family wants.
    pub(super) fn values<T: DeserializeOwned>(&self) -> Result<T> {
        T::deserialize(&self.value).map_err(|error| self.wrong(error.to_string()))
    }

    /// A text under `key`.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.value.get(key)?.as_str()
    }

    /// The texts of a list under `key`.
    pub(super) fn texts(&self, key: &str) -> Vec<&str> {
        let list = self.value.get(key).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// Checks that each key, where it is written at all, has the one value that runs here. `null` counts as not written.
    pub(super) fn require(&self, only: &[(&str, Value)]) -> Result<()> {
        for (key, runs) in only {
            match self.value.get(*key) {
                None | Some(Value::Null) => {}
                Some(found) if found == runs || (found.is_number() && found.as_f64() == runs.as_f64()) => {}
                Some(found) => return Err(self.wrong(format!("only {key} = {runs} runs here, not {found}"))),
            }
        }
        Ok(())
    }

    /// Checks sizes that everything else is computed from: none is 0 and heads divide the width.
    pub(super) fn check_sizes(&self, hidden: usize, heads: usize, others: &[usize]) -> Result<()> {
        if hidden == 0 || heads == 0 || others.contains(&0) {
            return Err(self.wrong("a size, a number of layers or a number of heads is 0"));
        }
        if !hidden.is_multiple_of(heads) {
            return Err(self.wrong(format!("a width of {hidden} cannot be shared out among {heads} heads")));
        }
        Ok(())
    }

    /// The width of a head that rotary positions turn in pairs.
    pub(super) fn rotary_width(&self, width: usize) -> Result<usize> {
        match width.is_multiple_of(2) && width > 0 {
            true => Ok(width),
            false => Err(self.wrong(format!("heads of width {width} cannot be turned in pairs"))),
        }
    }

    /// The activation called `name` in Hugging Face configurations.
    pub(super) fn activation(&self, name: &str) -> Result<Activation> {
        Activation::of(name).ok_or_else(|| {
            self.wrong(format!(
                "activation `{name}` does not run here; known are gelu, gelu_new, gelu_pytorch_tanh, gelu_fast, relu and silu"
            ))
        })
    }

    /// The base of rotary positions: `rope_theta`, also inside `rope_parameters` where newer configurations put it.
    /// Frequencies that are scaled by any rule but the plain one are refused.
    pub(super) fn rope_theta(&self, default: f64) -> Result<f64> {
        let parameters = self.value.get("rope_parameters").filter(|value| !value.is_null());
        let base = match parameters {
            Some(parameters) => self.rope_base(parameters)?.unwrap_or(default),
            None => self.value.get("rope_theta").and_then(Value::as_f64).unwrap_or(default),
        };
        self.check_base(base)
    }

    /// The base in one object of rotary parameters.
    pub(super) fn rope_base(&self, parameters: &Value) -> Result<Option<f64>> {
        match parameters.get("rope_type").or_else(|| parameters.get("type")).and_then(Value::as_str) {
            None | Some("default") => Ok(parameters.get("rope_theta").and_then(Value::as_f64)),
            Some(other) => Err(self.wrong(format!("rotary positions of type `{other}` do not run here"))),
        }
    }

    pub(super) fn check_base(&self, base: f64) -> Result<f64> {
        match base.is_finite() && base > 1.0 {
            true => Ok(base),
            false => Err(self.wrong(format!("{base} is no base of rotary positions"))),
        }
    }
}
