//! A child's number goes in; the child is ended once its time is up or nobody wants its answer any more.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::Thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// How often it looks whether the file that is being read shall be given up.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Why a child was ended from here.
pub(super) const TIME_IS_UP: u8 = 1;
pub(super) const STOPPED: u8 = 2;

/// A watch over a child that reads one file.
pub(super) struct Watch {
    clock: Mutex<Clock>,
    is_done: AtomicBool,
    ended_by: AtomicU8,
}

/// When the child's time is up; it stands still while the child waits for this process.
struct Clock {
    /// For each part of the file.
    time: Duration,
    /// None where that is too far off to say.
    until: Option<Instant>,
    is_paused: bool,
}

impl Watch {
    /// A watch that begins now.
    pub(super) fn new(seconds_max: f64) -> Self {
        let time = Duration::try_from_secs_f64(seconds_max.max(0.0)).unwrap_or(Duration::MAX);
        let clock = Clock { time, until: Instant::now().checked_add(time), is_paused: false };
        Self { clock: Mutex::new(clock), is_done: AtomicBool::new(false), ended_by: AtomicU8::new(0) }
    }

    /// Watches until [`Watch::end`], or until the child `pid` had to be ended.
    pub(super) fn run(&self, pid: Pid, stop: &AtomicBool) {
        while !self.is_done.load(Ordering::Acquire) {
            let why = match () {
                () if stop.load(Ordering::Relaxed) => STOPPED,
                () if self.is_up() => TIME_IS_UP,
                () => {
                    std::thread::park_timeout(LOOK_EVERY);
                    continue;
                }
            };
            self.ended_by.store(why, Ordering::Release);
            // It is still ours to wait for, so the number names it and nothing else.
            let _ = kill_process(pid, Signal::KILL);
            return;
        }
    }

    /// Lets `thread`, which runs the watch, end.
    pub(super) fn end(&self, thread: &Thread) {
        self.is_done.store(true, Ordering::Release);
        thread.unpark();
    }

    /// Why the child was ended; 0 where it was not.
    pub(super) fn ended_by(&self) -> u8 {
        self.ended_by.load(Ordering::Acquire)
    }

    /// Runs `work`, whose time is not the child's. After that the child has its time anew: a part of the file is done.
    pub(super) fn pause<T>(&self, work: impl FnOnce() -> T) -> T {
        self.clock().is_paused = true;
        let done = work();
        let mut clock = self.clock();
        clock.until = Instant::now().checked_add(clock.time);
        clock.is_paused = false;
        done
    }

    fn is_up(&self) -> bool {
        let clock = self.clock();
        !clock.is_paused && clock.until.is_some_and(|until| Instant::now() >= until)
    }

    fn clock(&self) -> MutexGuard<'_, Clock> {
        self.clock.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_stands_still_while_the_child_waits() {
        let watch = Watch::new(0.05);
        watch.pause(|| std::thread::sleep(Duration::from_millis(120)));
        assert!(!watch.is_up());
        std::thread::sleep(Duration::from_millis(120));
        assert!(watch.is_up());
        watch.pause(|| assert!(!watch.is_up()));
    }
}
