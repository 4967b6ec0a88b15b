//! Batches in from any thread, their outputs back, computed by lanes that all take from one queue: whoever is faster takes
//! more. Knows nothing of devices; what a lane computes with is given to it.

use std::fmt::Display;
use std::ops::Range;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use super::plan::{Failure, run_halving};
use super::{Output, Say, Wanted};

/// A batch for a lane.
pub(super) struct Job {
    /// All texts' ids, one after the other.
    pub(super) ids: Vec<u32>,
    pub(super) lengths: Vec<usize>,
    pub(super) wanted: Wanted,
    reply: SyncSender<Result<Vec<Output>, String>>,
}

/// What a lane computes with; it stays on the lane's thread.
pub(super) trait Runner {
    type Error: Display;

    /// Runs the texts `texts` of `job` and sets their `outputs`, which has a place for each text of the job.
    fn run(&mut self, job: &Job, texts: Range<usize>, outputs: &mut [Output]) -> Result<(), Failure<Self::Error>>;

    /// Frees memory, since what was just asked for did not fit.
    fn give_back(&mut self);
}

/// A lane that is to be opened, on its own thread.
pub(super) struct LaneToOpen<F> {
    /// Its device's name, for what is said.
    pub(super) device: String,
    /// Makes what it computes with.
    pub(super) open: F,
}

/// Lanes behind a queue.
pub(super) struct Queue {
    lanes: Vec<JoinHandle<()>>,
    /// Closed when this is dropped, which ends the lanes.
    jobs: Option<SyncSender<Job>>,
}

impl Queue {
    /// Opens `lanes`, which run at most `tokens_max` tokens together; the ones that cannot be opened are told of and left out.
    ///
    /// # Errors
    /// What the last one said, where none could be opened.
    pub(super) fn start<R: Runner, F: FnOnce() -> Result<R, R::Error> + Send + 'static>(
        to_open: Vec<LaneToOpen<F>>,
        tokens_max: usize,
        say: &Say,
    ) -> Result<Self, String> {
        let (jobs, taken) = sync_channel(to_open.len());
        let taken = Arc::new(Mutex::new(taken));
        let mut lanes = Vec::new();
        let mut reason = "there is no device".to_string();
        for LaneToOpen { device, open } in to_open {
            let (ready, opened) = sync_channel(1);
            let (taken, say_there, device_there) = (taken.clone(), say.clone(), device.clone());
            let spawned = std::thread::Builder::new().name("lane".into()).spawn(move || match open() {
                Ok(runner) => {
                    // The opener is gone only if it failed otherwise.
                    let _ = ready.send(Ok(()));
                    drop(ready);
                    run(runner, &taken, &device_there, tokens_max, &say_there);
                }
                Err(error) => drop(ready.send(Err(error.to_string()))),
            });
            let opened = spawned
                .map_err(|error| error.to_string())
                .and_then(|lane| opened.recv().unwrap_or_else(|_| Err("its thread ended".into())).map(|()| lane));
            match opened {
                Ok(lane) => lanes.push(lane),
                Err(error) => {
                    reason = format!("{device}: {error}");
                    say(&reason);
                }
            }
        }
        match lanes.is_empty() {
            true => Err(reason),
            false => Ok(Self { lanes, jobs: Some(jobs) }),
        }
    }

    /// Batches that can be under way at once.
    pub(super) fn lane_count(&self) -> usize {
        self.lanes.len()
    }

    /// The outputs for `batch`, in its order; blocks until a lane has done it.
    ///
    /// # Errors
    /// What the lane's runner said, or that its thread has ended.
    pub(super) fn run(&self, batch: &[&[u32]], wanted: Wanted) -> Result<Vec<Output>, String> {
        let (reply, answer) = sync_channel(1);
        let lengths = batch.iter().map(|ids| ids.len()).collect();
        let job = Job { ids: batch.concat(), lengths, wanted, reply };
        let jobs = self.jobs.as_ref().expect("the queue is open until this is dropped");
        let ended = "the thread of the device has ended";
        jobs.send(job).map_err(|_| ended.to_string())?;
        answer.recv().map_err(|_| ended.to_string())?
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        drop(self.jobs.take());
        for lane in self.lanes.drain(..) {
            // A lane that panicked has said so.
            let _ = lane.join();
        }
    }
}

/// Takes jobs until the queue is closed.
fn run<R: Runner>(mut runner: R, jobs: &Mutex<Receiver<Job>>, device: &str, mut tokens_max: usize, say: &Say) {
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        let mut outputs = vec![Output::default(); job.lengths.len()];
        let done = run_halving(&job.lengths, tokens_max, |texts| {
            let result = runner.run(&job, texts, &mut outputs);
            if let Err(Failure::Memory(_)) = result {
                runner.give_back();
            }
            result
        });
        let answer = match done {
            Ok(suffices) => {
                if let Some(tokens) = suffices {
                    tokens_max = tokens_max.min(tokens.max(1));
                    say(&format!(
                        "out of memory on {device}: the batch was halved, later ones have {tokens_max} tokens"
                    ));
                }
                Ok(outputs)
            }
            Err(error) => Err(format!("{device}: {error}")),
        };
        // Whoever asked may have given up.
        let _ = job.reply.send(answer);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    /// Adds up ids; takes its time, has so much room, and counts the texts that it ran.
    struct Adder {
        pause: Duration,
        room: usize,
        ran: Arc<AtomicUsize>,
        given_back: Arc<AtomicUsize>,
    }

    impl Runner for Adder {
        type Error = String;

        fn run(&mut self, job: &Job, texts: Range<usize>, outputs: &mut [Output]) -> Result<(), Failure<String>> {
            std::thread::sleep(self.pause);
            let tokens: usize = job.lengths[texts.clone()].iter().sum();
            if tokens > self.room {
                return Err(Failure::Memory(format!("no room for {tokens}")));
            }
            let mut first: usize = job.lengths[..texts.start].iter().sum();
            for text in texts {
                let own = &job.ids[first..first + job.lengths[text]];
                assert!(!own.contains(&666), "a lane that breaks");
                outputs[text].vector = vec![own.iter().sum::<u32>() as f32];
                if job.wanted == Wanted::VectorsAndTokens {
                    outputs[text].tokens = own.iter().map(|&id| id as f32).collect();
                }
                first += job.lengths[text];
                self.ran.fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        }

        fn give_back(&mut self) {
            self.given_back.fetch_add(1, Ordering::Relaxed);
        }
    }

    struct Started {
        queue: Queue,
        ran: Vec<Arc<AtomicUsize>>,
        given_back: Arc<AtomicUsize>,
        said: Arc<Mutex<Vec<String>>>,
    }

    /// Lanes that pause so many milliseconds a batch; 1000 cannot be opened.
    fn start(pauses: &[u64], room: usize) -> Result<Started, String> {
        let said = Arc::new(Mutex::new(Vec::new()));
        let given_back = Arc::new(AtomicUsize::new(0));
        let ran: Vec<Arc<AtomicUsize>> = pauses.iter().map(|_| Arc::default()).collect();
        let lanes = pauses.iter().zip(&ran).map(|(&pause, ran)| {
            let adder =
                Adder { pause: Duration::from_millis(pause), room, ran: ran.clone(), given_back: given_back.clone() };
            let open = move || if pause == 1000 { Err("it is broken".to_string()) } else { Ok(adder) };
            LaneToOpen { device: format!("device {pause}"), open }
        });
        let told = said.clone();
        let say: Say = Arc::new(move |line: &str| told.lock().unwrap().push(line.into()));
        let queue = Queue::start(lanes.collect(), 1_000, &say)?;
        Ok(Started { queue, ran, given_back, said })
    }

    fn sums(queue: &Queue, batch: &[&[u32]]) -> Vec<f32> {
        queue.run(batch, Wanted::Vectors).unwrap().iter().map(|output| output.vector[0]).collect()
    }

    #[test]
    fn a_faster_device_takes_more_batches_and_every_caller_gets_its_own() {
        let started = start(&[2, 60], 1_000).unwrap();
        std::thread::scope(|scope| {
            for caller in 0..4_u32 {
                let queue = &started.queue;
                scope.spawn(move || {
                    for batch in 0..10 {
                        let ids = [caller * 100, batch];
                        assert_eq!(
                            sums(queue, &[&ids, &[], &ids[..1]]),
                            [(caller * 100 + batch) as f32, 0.0, (caller * 100) as f32]
                        );
                    }
                });
            }
        });
        let ran: Vec<usize> = started.ran.iter().map(|ran| ran.load(Ordering::Relaxed)).collect();
        assert_eq!(ran.iter().sum::<usize>(), 4 * 10 * 3, "every text ran once");
        assert!(ran[0] > 2 * ran[1] && ran[1] > 0, "the work follows the speed: {ran:?}");
        assert!(started.said.lock().unwrap().is_empty());
    }

    #[test]
    fn a_batch_that_does_not_fit_is_halved_is_told_of_once_and_then_kept_small() {
        let started = start(&[0], 30).unwrap();
        let text = [1_u32; 10];
        let batch = vec![&text[..]; 8];
        assert_eq!(sums(&started.queue, &batch), [10.0; 8]);
        let failed = started.given_back.load(Ordering::Relaxed);
        assert!(failed > 0);
        assert_eq!(sums(&started.queue, &batch), [10.0; 8]);
        assert_eq!(started.given_back.load(Ordering::Relaxed), failed, "the next batch is cut beforehand");
        let said = started.said.lock().unwrap().clone();
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].starts_with("out of memory on device 0"), "{said:?}");
        let alone = started.queue.run(&[&[1; 31]], Wanted::Vectors).unwrap_err();
        assert_eq!(alone, "device 0: no room for 31");
        assert_eq!(sums(&started.queue, &[&text]), [10.0], "and the lane goes on");
    }

    #[test]
    fn a_lane_that_cannot_be_opened_is_left_out_and_told_of() {
        let started = start(&[1000, 0], 100).unwrap();
        assert_eq!(started.queue.lane_count(), 1);
        assert_eq!(*started.said.lock().unwrap(), ["device 1000: it is broken"]);
        assert_eq!(sums(&started.queue, &[&[5]]), [5.0]);
        let outputs = started.queue.run(&[&[1, 2], &[3]], Wanted::VectorsAndTokens).unwrap();
        assert_eq!((&outputs[0].tokens[..], &outputs[1].tokens[..]), (&[1.0, 2.0][..], &[3.0][..]));
        assert_eq!(start(&[1000], 100).err(), Some("device 1000: it is broken".into()));
    }

    #[test]
    fn nobody_waits_for_a_lane_that_has_broken() {
        let started = start(&[0], 100).unwrap();
        assert!(started.queue.run(&[&[666]], Wanted::Vectors).unwrap_err().contains("ended"));
        assert!(started.queue.run(&[&[1]], Wanted::Vectors).unwrap_err().contains("ended"));
    }
}
