//! Work in, done on a bounded number of threads; a thread that hangs is given up and replaced.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// A piece of work. It catches its own panics.
pub(super) type Job = Box<dyn FnOnce() + Send>;

/// Threads that were given up at most; beyond it their places stay taken.
const GIVEN_UP_MAX: usize = 256;

/// Bytes of a worker's stack: parsers of other people's formats recurse.
const STACK_BYTES: usize = 8 << 20;

/// Threads that do work in the order in which it comes.
#[derive(Debug)]
pub(super) struct Pool {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    work: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    threads: usize,
    threads_max: usize,
    idle: usize,
    given_up: usize,
    closed: bool,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("jobs", &self.jobs.len()).field("threads", &self.threads).finish_non_exhaustive()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pool {
    /// A pool of at most `threads_max` threads, which are made when they are needed.
    pub(super) fn new(threads_max: usize) -> Self {
        let state = State { threads_max: threads_max.max(1), ..State::default() };
        Self { shared: Arc::new(Shared { state: Mutex::new(state), work: Condvar::new() }) }
    }

    /// Has `job` done by a thread of the pool.
    ///
    /// # Errors
    /// The system's answer when not even one thread can be made.
    pub(super) fn run(&self, job: Job) -> std::io::Result<()> {
        let mut state = self.shared.state();
        state.jobs.push_back(job);
        if let Err(error) = spawn(&self.shared, &mut state)
            && state.threads == 0
        {
            state.jobs.pop_back();
            return Err(error);
        }
        self.shared.work.notify_one();
        Ok(())
    }

    /// Makes room for another thread, because one hangs.
    pub(super) fn give_up_one(&self) {
        let mut state = self.shared.state();
        if state.given_up < GIVEN_UP_MAX {
            state.given_up += 1;
            state.threads_max += 1;
            // Where no thread can be made, those that are there will come to it.
            let _ = spawn(&self.shared, &mut state);
        }
    }

    /// Takes that room back: the thread that hung has returned.
    pub(super) fn take_back_one(&self) {
        let mut state = self.shared.state();
        if state.given_up > 0 {
            state.given_up -= 1;
            state.threads_max -= 1;
        }
    }
}

/// Makes a thread when there is more work than threads that wait for it, and room for one.
fn spawn(shared: &Arc<Shared>, state: &mut State) -> std::io::Result<()> {
    if state.idle < state.jobs.len() && state.threads < state.threads_max {
        let shared = shared.clone();
        std::thread::Builder::new().name("step".into()).stack_size(STACK_BYTES).spawn(move || work(&shared))?;
        state.threads += 1;
    }
    Ok(())
}

fn work(shared: &Shared) {
    let mut state = shared.state();
    loop {
        if state.closed || state.threads > state.threads_max {
            break;
        }
        if let Some(job) = state.jobs.pop_front() {
            drop(state);
            job();
            state = shared.state();
        } else {
            state.idle += 1;
            state = shared.work.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.idle -= 1;
        }
    }
    state.threads -= 1;
}

impl Drop for Pool {
    /// Threads end after the work that they are at; nobody waits for one that hangs.
    fn drop(&mut self) {
        let mut state = self.shared.state();
        state.closed = true;
        state.jobs.clear();
        drop(state);
        self.shared.work.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn work_is_bounded_and_a_hung_thread_is_replaced() {
        let pool = Pool::new(2);
        let (at_once, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (sender, receiver) = mpsc::channel();
        for _ in 0..40 {
            let (at_once, most, sender) = (at_once.clone(), most.clone(), sender.clone());
            let job = move || {
                most.fetch_max(at_once.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                std::thread::yield_now();
                at_once.fetch_sub(1, Ordering::SeqCst);
                sender.send(()).unwrap();
            };
            pool.run(Box::new(job)).unwrap();
        }
        (0..40).for_each(|_| receiver.recv().unwrap());
        assert!(most.load(Ordering::SeqCst) <= 2);
        let (free, hang) = mpsc::channel::<()>();
        let hang = Arc::new(Mutex::new(hang));
        for _ in 0..2 {
            let hang = hang.clone();
            pool.run(Box::new(move || {
                let _ = hang.lock().unwrap().recv();
            }))
            .unwrap();
        }
        pool.give_up_one();
        let sender = sender.clone();
        pool.run(Box::new(move || sender.send(()).unwrap())).unwrap();
        receiver.recv().unwrap();
        drop(free);
    }
}
