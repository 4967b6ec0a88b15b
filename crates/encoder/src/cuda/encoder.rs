//! Batches of token ids in, unit vectors out, on every CUDA device at once; knows nothing of text.

use std::path::Path;
use std::sync::Arc;

use super::devices::DeviceInfo;
use super::half::Half;
use super::lane::{Lane, Loaded};
use super::queue::{LaneToOpen, Queue};
use super::stats::{Counters, Stats};
use super::weights::{Shape, pack};
use super::{Output, Pooling, Say, Wanted};
use crate::bert::{BertConfig, map_weights};
use crate::error::{Error, Result};

/// The kernels, for any device of compute capability 8.0 or newer.
const PTX: &str = include_str!(concat!(env!("OUT_DIR"), "/bert.ptx"));

/// Lanes a device: while one computes, the other copies.
const LANES: usize = 2;

/// How an encoder runs.
#[derive(Debug, Clone)]
pub struct Options {
    /// What is kept in 16 bits.
    pub half: Half,
    /// Which rows make a text's vector.
    pub pooling: Pooling,
    /// Devices, each with weights of its own.
    pub devices: Vec<DeviceInfo>,
    /// Tokens that go through a device together, unless one text alone has more.
    pub tokens_max: usize,
}

/// A BERT encoder on CUDA devices.
pub struct Encoder {
    config: BertConfig,
    shape: Shape,
    devices: Vec<DeviceInfo>,
    queue: Queue,
    counters: Arc<Counters>,
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Encoder").field("shape", &self.shape).field("devices", &self.devices).finish_non_exhaustive()
    }
}

impl Encoder {
    /// Packs the weights in the file `weights` and copies them to every device.
    ///
    /// # Errors
    /// [`Error::Tensor`] when a tensor is missing or has another shape than `config` says, no kernel fits the model's shape,
    /// or no device can be used.
    pub fn open(config: BertConfig, weights: &Path, options: &Options, say: &Say) -> Result<Self> {
        let failed = Error::tensor("open the encoder on a CUDA device");
        if PTX.trim().is_empty() {
            return Err(failed(candle_core::Error::msg("this program was built without nvcc, so it has no kernels")));
        }
        let file = map_weights(weights)?;
        let packed = pack(&file, &config, options.half).map_err(Error::tensor("load the weights"))?;
        let counters = Arc::new(Counters::default());
        let (mut lanes, mut devices) = (Vec::new(), Vec::new());
        for device in &options.devices {
            let loaded = match Loaded::new(device.ordinal, &packed, PTX, &counters) {
                Ok(loaded) => Arc::new(loaded),
                Err(error) if options.devices.len() > 1 => {
                    say(&format!("{}: {error}", device.name));
                    continue;
                }
                Err(error) => return Err(failed(candle_core::Error::msg(format!("{}: {error}", device.name)))),
            };
            for _ in 0..LANES {
                let (loaded, pooling, counters) = (loaded.clone(), options.pooling, counters.clone());
                let open = move || Lane::new(loaded, pooling, counters);
                lanes.push(LaneToOpen { device: device.name.clone(), open });
            }
            devices.push(device.clone());
        }
        match Queue::start(lanes, options.tokens_max, say) {
            Ok(queue) => Ok(Self { config, shape: packed.shape, devices, queue, counters }),
            Err(reason) => Err(failed(candle_core::Error::msg(reason))),
        }
    }

    /// The encoder's shape.
    pub fn config(&self) -> &BertConfig {
        &self.config
    }

    /// The numbers that a pass is made from.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The devices that compute.
    pub fn devices(&self) -> &[DeviceInfo] {
        &self.devices
    }

    /// Batches that can be under way at once.
    pub fn lane_count(&self) -> usize {
        self.queue.lane_count()
    }

    /// What was done so far.
    pub fn stats(&self) -> Stats {
        self.counters.stats()
    }

    /// The outputs for `batch`, each text's ids with special tokens, in its order; blocks until a lane has done it. Call it
    /// from as many threads as there are lanes. A batch that a device has no memory for is halved there.
    ///
    /// # Errors
    /// [`Error::Tensor`] when an id or a length is outside the model's tables, or the device fails.
    pub fn encode(&self, batch: &[&[u32]], wanted: Wanted) -> Result<Vec<Output>> {
        let failed = Error::tensor("run the encoder on a CUDA device");
        if let Err(error) = self.check(batch) {
            return Err(failed(error));
        }
        self.queue.run(batch, wanted).map_err(|reason| failed(candle_core::Error::msg(reason)))
    }

    fn check(&self, batch: &[&[u32]]) -> candle_core::Result<()> {
        let Shape { positions, words, .. } = self.shape;
        for ids in batch {
            if ids.len() > positions {
                candle_core::bail!("{} tokens, the model has {positions} positions", ids.len());
            }
            if let Some(id) = ids.iter().find(|&&id| id as usize >= words) {
                candle_core::bail!("token id {id} is outside the vocabulary of {words}");
            }
        }
        Ok(())
    }
}
