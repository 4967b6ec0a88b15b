//! Many texts in, their vectors out, with tokenizers on every core running ahead of what encodes; knows no device.
//!
//! On a CPU encoding takes all cores anyway, so tokenizing first costs nothing. A GPU would wait for it.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::embedder::{Embedded, Embedder, Input, Role, Want, plan_batches};
use crate::error::Result;

/// Texts that are tokenized together, and sorted by length among themselves.
const WINDOW_TEXTS: usize = 512;

/// How texts are embedded while others are tokenized.
#[derive(Debug, Clone, Copy)]
pub struct Ahead {
    /// Threads that tokenize.
    pub tokenizers: usize,
    /// Threads that wait for batches to be encoded.
    pub workers: usize,
    /// Tokens a batch at most.
    pub batch_tokens_max: usize,
}

/// A window's number and its inputs.
type Window = (usize, Result<Vec<Input>>);

/// The vectors of `texts`, in their order; blocks. `tokenizing_ns` is raised by the time that tokenizing took, summed over
/// threads.
///
/// # Errors
/// What the tokenizer or the encoder reports first.
///
/// # Panics
/// When a thread panicked.
pub fn embed(
    embedder: &Embedder,
    texts: &[&str],
    role: Role,
    ahead: Ahead,
    tokenizing_ns: &AtomicU64,
) -> Result<Embedded> {
    let windows: Vec<&[&str]> = texts.chunks(WINDOW_TEXTS).collect();
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Embedded { vectors: vec![Vec::new(); texts.len()], ..Embedded::default() });
    std::thread::scope(|scope| {
        let (sender, tokenized) = sync_channel::<Window>(2 * ahead.workers.max(1));
        let tokenized = Arc::new(Mutex::new(tokenized));
        for _ in 0..ahead.tokenizers.clamp(1, windows.len().max(1)) {
            let (sender, windows, next) = (sender.clone(), &windows, &next);
            scope.spawn(move || {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(window) = windows.get(index) else { return };
                    let started = Instant::now();
                    let inputs = window.iter().map(|text| embedder.tokenize(text, role)).collect();
                    tokenizing_ns.fetch_add(started.elapsed().as_nanos() as u64, Ordering::Relaxed);
                    // Nobody listens once a worker has failed.
                    if sender.send((index, inputs)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let workers: Vec<_> = (0..ahead.workers.max(1))
            .map(|worker| {
                let (tokenized, done) = (Arc::clone(&tokenized), &done);
                scope.spawn(move || encode_windows(embedder, worker, &tokenized, ahead.batch_tokens_max, done))
            })
            .collect();
        // The workers hold the only other handles: when the last one ends, tokenizers cannot send any more.
        drop(tokenized);
        workers.into_iter().try_for_each(|worker| worker.join().expect("an embedding worker panicked"))
    })?;
    Ok(done.into_inner().expect("every worker has ended"))
}

/// Encodes windows until there are none left, or one fails.
fn encode_windows(
    embedder: &Embedder,
    worker: usize,
    tokenized: &Mutex<Receiver<Window>>,
    batch_tokens_max: usize,
    done: &Mutex<Embedded>,
) -> Result<()> {
    loop {
        let window = tokenized.lock().expect("no worker panics holding the queue").recv();
        let Ok((index, inputs)) = window else { return Ok(()) };
        let inputs = inputs?;
        let lengths: Vec<usize> = inputs.iter().map(|input| input.ids.len()).collect();
        for batch in plan_batches(&lengths, batch_tokens_max) {
            let ids: Vec<&[u32]> = batch.iter().map(|&text| inputs[text].ids.as_slice()).collect();
            let encoded = embedder.encode_batch(worker, &ids, Want::Vector)?;
            let mut done = done.lock().expect("no worker panics holding the results");
            for (text, output) in batch.into_iter().zip(encoded) {
                done.vectors[index * WINDOW_TEXTS + text] = output.vector;
            }
        }
        let mut done = done.lock().expect("no worker panics holding the results");
        done.tokens += lengths.iter().sum::<usize>() as u64;
        done.cut_tokens += inputs.iter().map(|input| input.cut as u64).sum::<u64>();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inference::embedder::EmbedSettings;
    use crate::inference::{cache, manifest};

    #[test]
    fn tokenizers_that_run_ahead_change_no_vector_and_no_order() {
        let manifest = manifest::find("all-minilm-l6-v2", None).unwrap();
        let files = cache::open(&manifest).unwrap();
        let embedder = Embedder::open(manifest, &files, EmbedSettings::default()).unwrap();
        let made = |index: usize| format!("text {index} {}", "about something ".repeat(index % 7));
        let texts: Vec<String> = (0..2 * WINDOW_TEXTS + 3).map(made).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let wanted = embedder.embed(&texts, Role::Passage).unwrap();
        for (tokenizers, workers) in [(1, 1), (3, 2)] {
            let took = AtomicU64::new(0);
            let ahead = Ahead { tokenizers, workers, batch_tokens_max: 500 };
            let got = embed(&embedder, &texts, Role::Passage, ahead, &took).unwrap();
            assert_eq!((got.tokens, got.cut_tokens), (wanted.tokens, wanted.cut_tokens));
            assert!(took.load(Ordering::Relaxed) > 0);
            for (got, wanted) in got.vectors.iter().zip(&wanted.vectors) {
                assert!(crate::vector::dot(got, wanted) > 0.9999);
            }
        }
        let none = embed(
            &embedder,
            &[],
            Role::Query,
            Ahead { tokenizers: 2, workers: 2, batch_tokens_max: 9 },
            &AtomicU64::new(0),
        );
        assert!(none.unwrap().vectors.is_empty());
    }
}
