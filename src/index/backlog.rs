//! Jobs in from readers, batches of similar length out to workers; knows no document and no model.
//!
//! Readers go on until twice a window of jobs waits, and then sleep until there is less than one: they work in bursts, and seldom take
//! a core from a worker. A worker that finds no batch ready cuts the jobs that have waited longest into batches.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard};

use crate::inference::embedder::plan_batches;

/// Jobs between those who make them and those who take them.
#[derive(Debug)]
pub(super) struct Backlog<T> {
    state: Mutex<State<T>>,
    filled: Condvar,
    drained: Condvar,
    /// Jobs that are sorted by length together.
    window: usize,
    /// Tokens of a batch at most.
    batch_tokens_max: usize,
    /// Tokens of a job.
    length: fn(&T) -> usize,
}

#[derive(Debug)]
struct State<T> {
    /// In the order in which they came.
    waiting: VecDeque<T>,
    batches: VecDeque<Vec<T>>,
    /// Jobs in `waiting` and `batches`.
    held: usize,
    feeders: usize,
    takers: usize,
}

/// Who may put jobs in; a backlog without feeders ends.
#[derive(Debug)]
pub(super) struct Feeder<'a, T>(&'a Backlog<T>);

/// Who may take batches out; a backlog without takers takes no jobs.
#[derive(Debug)]
pub(super) struct Taker<'a, T>(&'a Backlog<T>);

impl<T> Backlog<T> {
    pub(super) fn new(window: usize, batch_tokens_max: usize, length: fn(&T) -> usize) -> Self {
        let state = State { waiting: VecDeque::new(), batches: VecDeque::new(), held: 0, feeders: 0, takers: 0 };
        let state = Mutex::new(state);
        Self { state, filled: Condvar::new(), drained: Condvar::new(), window, batch_tokens_max, length }
    }

    /// One more who feeds; made before the first taker takes.
    pub(super) fn feeder(&self) -> Feeder<'_, T> {
        self.lock().feeders += 1;
        Feeder(self)
    }

    /// One more who takes; made before the first feeder feeds.
    pub(super) fn taker(&self) -> Taker<'_, T> {
        self.lock().takers += 1;
        Taker(self)
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().expect("nobody panics holding the jobs")
    }

    /// Cuts the jobs that have waited longest into batches.
    fn plan(&self, state: &mut State<T>) {
        let count = state.waiting.len().min(self.window);
        let mut jobs: Vec<Option<T>> = state.waiting.drain(..count).map(Some).collect();
        let lengths: Vec<usize> = jobs.iter().flatten().map(self.length).collect();
        for batch in plan_batches(&lengths, self.batch_tokens_max) {
            let batch = batch.into_iter().map(|index| jobs[index].take().expect("a job is in one batch only"));
            state.batches.push_back(batch.collect());
        }
    }
}

impl<T> Feeder<'_, T> {
    /// Puts jobs in; blocks while there are many. Whether somebody still takes them.
    pub(super) fn put(&self, jobs: impl IntoIterator<Item = T>) -> bool {
        let Backlog { filled, drained, window, .. } = self.0;
        let mut state = self.0.lock();
        if state.held >= window.saturating_mul(2) {
            let is_full = |state: &mut State<T>| state.held >= *window && state.takers > 0;
            state = drained.wait_while(state, is_full).expect("nobody panics holding the jobs");
        }
        if state.takers == 0 {
            return false;
        }
        let before = state.waiting.len();
        state.waiting.extend(jobs);
        state.held += state.waiting.len() - before;
        drop(state);
        filled.notify_all();
        true
    }
}

impl<T> Taker<'_, T> {
    /// The next batch; blocks until there is one. `None` once there will be none any more.
    pub(super) fn take(&self) -> Option<Vec<T>> {
        let Backlog { filled, drained, window, .. } = self.0;
        let is_idle = |state: &mut State<T>| state.held == 0 && state.feeders > 0;
        let mut state = filled.wait_while(self.0.lock(), is_idle).expect("nobody panics holding the jobs");
        if state.batches.is_empty() {
            self.0.plan(&mut state);
        }
        let batch = state.batches.pop_front()?;
        let before = state.held;
        state.held -= batch.len();
        if before >= *window && state.held < *window {
            drained.notify_all();
        }
        Some(batch)
    }
}

impl<T> Drop for Feeder<'_, T> {
    fn drop(&mut self) {
        // Also while a reader panics, whatever it held: the others must not wait for it.
        self.0.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner).feeders -= 1;
        self.0.filled.notify_all();
    }
}

impl<T> Drop for Taker<'_, T> {
    fn drop(&mut self) {
        self.0.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner).takers -= 1;
        self.0.drained.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    /// How many were put once no more come, which are `count` or more.
    fn settled(put: &AtomicUsize, count: usize) -> usize {
        while put.load(Ordering::SeqCst) < count {
            std::thread::yield_now();
        }
        std::thread::sleep(Duration::from_millis(20));
        put.load(Ordering::SeqCst)
    }

    #[test]
    fn every_job_comes_out_once_in_batches_within_the_budget() {
        let backlog = Backlog::new(8, 20, |job: &usize| job % 7 + 1);
        let (feeders, takers) = ([backlog.feeder(), backlog.feeder()], [backlog.taker(), backlog.taker()]);
        let mut taken: Vec<usize> = std::thread::scope(|scope| {
            for (index, feeder) in feeders.into_iter().enumerate() {
                scope.spawn(move || {
                    for part in 0..50 {
                        assert!(feeder.put((0..3).map(|job| 6 * part + 3 * index + job)));
                    }
                });
            }
            let take = |taker: Taker<'_, usize>| {
                let mut taken = Vec::new();
                while let Some(batch) = taker.take() {
                    assert!(!batch.is_empty() && batch.iter().map(|job| job % 7 + 1).sum::<usize>() <= 20, "{batch:?}");
                    taken.extend(batch);
                }
                taken
            };
            let takers: Vec<_> = takers.into_iter().map(|taker| scope.spawn(move || take(taker))).collect();
            takers.into_iter().flat_map(|taker| taker.join().unwrap()).collect()
        });
        taken.sort_unstable();
        assert_eq!(taken, (0..300).collect::<Vec<_>>());
    }

    #[test]
    fn the_longest_waiting_window_is_sorted_by_length() {
        let backlog = Backlog::new(4, 5, |job: &usize| *job);
        let (feeder, taker) = (backlog.feeder(), backlog.taker());
        assert!(feeder.put([1, 5, 1, 5, 2, 2]));
        drop(feeder);
        let mut batches: Vec<Vec<usize>> = std::iter::from_fn(|| taker.take()).collect();
        batches.iter_mut().for_each(|batch| batch.sort_unstable());
        batches.sort();
        assert_eq!(batches, [vec![1, 1], vec![2, 2], vec![5], vec![5]]);
    }

    #[test]
    fn readers_wait_at_two_windows_until_less_than_one_is_left() {
        let backlog = Backlog::new(4, 2, |_: &usize| 1);
        let (feeder, taker) = (backlog.feeder(), backlog.taker());
        let put = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let feeder = feeder;
                for job in 0..12 {
                    assert!(feeder.put([job]));
                    put.fetch_add(1, Ordering::SeqCst);
                }
            });
            assert_eq!(settled(&put, 8), 8);
            (0..2).for_each(|_| drop(taker.take().unwrap()));
            assert_eq!(settled(&put, 8), 8, "four are left, which is a window");
            taker.take().unwrap();
            assert_eq!(settled(&put, 12), 12, "two are left");
            assert_eq!(std::iter::from_fn(|| taker.take()).flatten().count(), 6);
        });
    }

    #[test]
    fn nobody_waits_for_those_who_have_ended() {
        let backlog = Backlog::new(1, 1, |_: &usize| 1);
        let (feeder, taker) = (backlog.feeder(), backlog.taker());
        let put = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                while feeder.put([0]) {
                    put.fetch_add(1, Ordering::SeqCst);
                }
            });
            assert_eq!(settled(&put, 2), 2, "two fit in");
            drop(taker);
            waiting.join().unwrap();
            assert_eq!(put.load(Ordering::SeqCst), 2, "nobody took any");
        });
        let taker = backlog.taker();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| std::iter::from_fn(|| taker.take()).flatten().count());
            std::thread::sleep(Duration::from_millis(20));
            drop(feeder);
            assert_eq!(waiting.join().unwrap(), 2);
        });
    }
}
