//! Batches of token ids in, unit vectors out, on every CUDA device at once: a thread for each lane, all taking from one queue,
//! so that a faster device takes more. Knows nothing of text.

use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use super::devices::DeviceInfo;
use super::half::Half;
use super::lane::{Lane, Loaded};
use super::pass::{Pooling, Wanted};
use super::plan::{Failure, run_halving};
use super::stats::{Counters, Stats};
use super::weights::{Shape, pack};
use super::{Job, Output};
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

/// Gets lines for a person: a batch that did not fit, a lane that could not be opened.
pub type Say = Arc<dyn Fn(&str) + Send + Sync>;

/// A BERT encoder on CUDA devices.
pub struct Encoder {
    config: BertConfig,
    shape: Shape,
    devices: Vec<DeviceInfo>,
    lanes: Vec<JoinHandle<()>>,
    /// Closed when this is dropped, which ends the lanes.
    queue: Option<SyncSender<Job>>,
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
    pub fn open(config: BertConfig, weights: &Path, options: Options, say: Say) -> Result<Self> {
        let failed = Error::tensor("open the encoder on a CUDA device");
        if PTX.trim().is_empty() {
            return Err(failed(candle_core::Error::msg("this program was built without nvcc, so it has no kernels")));
        }
        let file = map_weights(weights)?;
        let packed = pack(&file, &config, options.half).map_err(Error::tensor("load the weights"))?;
        let counters = Arc::new(Counters::default());
        let (queue, jobs) = sync_channel(options.devices.len() * LANES);
        let jobs = Arc::new(Mutex::new(jobs));
        let mut lanes = Vec::new();
        let mut reason = "there is no device".to_string();
        for device in &options.devices {
            let loaded = match Loaded::new(device.ordinal, &packed, PTX, &counters) {
                Ok(loaded) => Arc::new(loaded),
                Err(error) => {
                    reason = format!("{}: {error}", device.name);
                    say(&reason);
                    continue;
                }
            };
            for _ in 0..LANES {
                let (ready, opened) = sync_channel(1);
                let work = Work {
                    jobs: jobs.clone(),
                    counters: counters.clone(),
                    say: say.clone(),
                    device: device.name.clone(),
                    tokens_max: options.tokens_max,
                };
                let (loaded, pooling) = (loaded.clone(), options.pooling);
                let spawned = std::thread::Builder::new().name("cuda".into()).spawn(move || {
                    match Lane::new(loaded, pooling, work.counters.clone()) {
                        Ok(lane) => {
                            // The opener is gone only if it failed otherwise.
                            let _ = ready.send(Ok(()));
                            work.run(lane);
                        }
                        Err(error) => drop(ready.send(Err(error.to_string()))),
                    }
                });
                match spawned
                    .map_err(|error| error.to_string())
                    .and_then(|lane| opened.recv().unwrap_or_else(|_| Err("its thread ended".into())).map(|()| lane))
                {
                    Ok(lane) => lanes.push(lane),
                    Err(error) => {
                        reason = format!("{}: {error}", device.name);
                        say(&reason);
                    }
                }
            }
        }
        if lanes.is_empty() {
            return Err(failed(candle_core::Error::msg(reason)));
        }
        let shape = packed.shape;
        Ok(Self { config, shape, devices: options.devices, lanes, queue: Some(queue), counters })
    }

    /// The encoder's shape.
    pub fn config(&self) -> &BertConfig {
        &self.config
    }

    /// The numbers that a pass is made from.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The devices.
    pub fn devices(&self) -> &[DeviceInfo] {
        &self.devices
    }

    /// Batches that can be under way at once.
    pub fn lane_count(&self) -> usize {
        self.lanes.len()
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
        let (reply, answer) = sync_channel(1);
        let lengths = batch.iter().map(|ids| ids.len()).collect();
        let job = Job { ids: batch.concat(), lengths, wanted, reply };
        let queue = self.queue.as_ref().expect("the queue is open until this is dropped");
        let ended = || candle_core::Error::msg("the thread of the device has ended");
        match queue.send(job).map_err(|_| ended()).and_then(|()| answer.recv().map_err(|_| ended())) {
            Ok(Ok(outputs)) => Ok(outputs),
            Ok(Err(reason)) => Err(failed(candle_core::Error::msg(reason))),
            Err(error) => Err(failed(error)),
        }
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

impl Drop for Encoder {
    fn drop(&mut self) {
        drop(self.queue.take());
        for lane in self.lanes.drain(..) {
            // A lane that panicked has said so.
            let _ = lane.join();
        }
    }
}

/// What a lane's thread does.
struct Work {
    jobs: Arc<Mutex<Receiver<Job>>>,
    counters: Arc<Counters>,
    say: Say,
    device: String,
    tokens_max: usize,
}

impl Work {
    fn run(mut self, mut lane: Lane) {
        loop {
            let job = self.jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok(job) = job else { return };
            let mut outputs = vec![Output::default(); job.lengths.len()];
            let done = run_halving(&job.lengths, self.tokens_max, |texts| {
                let result = lane.run(&job, texts, &mut outputs);
                if let Err(Failure::Memory(_)) = result {
                    lane.give_back();
                    self.counters.add_halved();
                }
                result
            });
            let answer = match done {
                Ok(suffices) => {
                    if let Some(tokens) = suffices {
                        self.tokens_max = self.tokens_max.min(tokens.max(1));
                        let line =
                            format!("out of memory on {}: batches of {} tokens from now on", self.device, tokens);
                        (self.say)(&line);
                    }
                    Ok(outputs)
                }
                Err(error) => Err(format!("{}: {error}", self.device)),
            };
            // Whoever asked may have given up.
            let _ = job.reply.send(answer);
        }
    }
}
