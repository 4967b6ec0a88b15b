//! Inputs in, their vectors out, in batches on every worker; knows nothing of text.

use std::collections::VecDeque;
use std::sync::Mutex;

use super::model::Runner;
use super::{Embedder, Encoded, Input, Output, Want};
use crate::error::{Error, Result};
use crate::vector::dot;

impl Embedder {
    /// Runs one batch as worker `worker`; blocks. The outputs keep the order of `batch`.
    ///
    /// # Errors
    /// [`Error::Tensor`] when the model fails.
    pub fn encode_batch(&self, worker: usize, batch: &[&[u32]], want: Want) -> Result<Vec<Encoded>> {
        self.run(Runner::Worker(worker), batch, want)
    }

    /// As [`Self::encode_batch`], but hands each text's output to `take` as soon as it is there, in any order, and copies no token
    /// vectors. After an error, what was taken means nothing.
    ///
    /// # Errors
    /// [`Error::Tensor`] when the model fails.
    pub fn encode_batch_into(
        &self,
        worker: usize,
        batch: &[&[u32]],
        want: Want,
        take: impl FnMut(Output<'_>) + Send,
    ) -> Result<()> {
        self.run_into(Runner::Worker(worker), batch, want, take)
    }

    fn run(&self, runner: Runner, batch: &[&[u32]], want: Want) -> Result<Vec<Encoded>> {
        let mut encoded = vec![Encoded::default(); batch.len()];
        self.run_into(runner, batch, want, |Output { index, vector, tokens }| {
            encoded[index] = Encoded { vector, tokens: tokens.to_vec() };
        })?;
        Ok(encoded)
    }

    fn run_into(
        &self,
        runner: Runner,
        batch: &[&[u32]],
        want: Want,
        mut take: impl FnMut(Output<'_>) + Send,
    ) -> Result<()> {
        let mut is_finite = true;
        self.model.run(runner, batch, want, self.pool, |output| {
            // Numbers that are not finite, or grew too large for their squares to be.
            is_finite &= (dot(&output.vector, &output.vector) - 1.0).abs() < 0.01;
            take(output);
        })?;
        if !is_finite {
            let reason =
                format!("the weights of model `{}` give vectors that have no finite length", self.manifest.name);
            return Err(Error::tensor("embed a text")(candle_core::Error::msg(reason)));
        }
        Ok(())
    }

    /// Encodes inputs on every worker, in batches sorted by length; blocks. The outputs keep the order of `inputs`.
    ///
    /// # Errors
    /// [`Error::Tensor`] when the model fails.
    ///
    /// # Panics
    /// When a worker panicked.
    pub fn encode(&self, inputs: &[Input], want: Want) -> Result<Vec<Encoded>> {
        if let [only] = inputs {
            // It has nothing to run beside it.
            return self.run(Runner::Together, &[&only.ids], want);
        }
        let lengths: Vec<usize> = inputs.iter().map(|input| input.ids.len()).collect();
        let batches = plan_batches(&lengths, self.batch_tokens_max());
        let count = batches.len();
        let queue = Mutex::new(VecDeque::from(batches));
        let done = Mutex::new(vec![Encoded::default(); inputs.len()]);
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..self.worker_count.min(count))
                .map(|worker| {
                    let (queue, done) = (&queue, &done);
                    scope.spawn(move || -> Result<()> {
                        loop {
                            let next = queue.lock().expect("no worker panics holding the queue").pop_front();
                            let Some(batch) = next else { return Ok(()) };
                            let ids: Vec<&[u32]> = batch.iter().map(|&index| inputs[index].ids.as_slice()).collect();
                            let encoded = self.encode_batch(worker, &ids, want)?;
                            let mut done = done.lock().expect("no worker panics holding the results");
                            for (index, output) in batch.into_iter().zip(encoded) {
                                done[index] = output;
                            }
                        }
                    })
                })
                .collect();
            workers.into_iter().try_for_each(|worker| worker.join().expect("an embedding worker panicked"))
        })?;
        Ok(done.into_inner().expect("every worker has ended"))
    }
}

/// Indices of `lengths` in batches of at most `tokens_max` tokens, longest first so that no long batch is left for last.
///
/// # Panics
/// Never: a batch is opened before it is filled.
#[must_use]
pub fn plan_batches(lengths: &[usize], tokens_max: usize) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|&index| (std::cmp::Reverse(lengths[index]), index));
    let mut batches: Vec<Vec<usize>> = Vec::new();
    let mut filled = usize::MAX;
    for index in order {
        if filled.saturating_add(lengths[index]) > tokens_max {
            batches.push(Vec::new());
            filled = 0;
        }
        filled += lengths[index];
        batches.last_mut().expect("a batch was just opened").push(index);
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_keep_to_the_budget_and_cover_every_text_once() {
        let lengths = [5, 300, 7, 7, 100, 1, 90];
        let batches = plan_batches(&lengths, 120);
        for batch in &batches {
            let tokens: usize = batch.iter().map(|&index| lengths[index]).sum();
            assert!(tokens <= 120 || batch.len() == 1);
        }
        let mut all: Vec<usize> = batches.concat();
        all.sort_unstable();
        assert_eq!(all, (0..lengths.len()).collect::<Vec<_>>());
        assert_eq!(batches[0], [1], "the longest text comes first");
        assert!(plan_batches(&[], 10).is_empty());
    }
}
