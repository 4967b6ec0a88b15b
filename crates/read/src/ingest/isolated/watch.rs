//! A child's pipes that wait for it only as long as its time lasts and its answer is wanted; knows nothing of what goes through them.

use std::cell::Cell;
use std::io::{Error, ErrorKind, Read, Result, Write};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, ioctl_fionbio};

/// How often it looks whether the file that is being read shall be given up.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Why a child is not waited for any longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GivenUp {
    TimeIsUp,
    Stopped,
}

/// A watch over a child that reads one file. Its clock stands still while the child waits for this process.
pub(super) struct Watch<'a> {
    /// For each part of the file.
    time: Duration,
    /// None where that is too far off to say.
    until: Cell<Option<Instant>>,
    stop: &'a AtomicBool,
    given_up: Cell<Option<GivenUp>>,
}

/// One end of a pipe to a child that is watched.
pub(super) struct Watched<'a, P> {
    pipe: &'a mut P,
    watch: &'a Watch<'a>,
}

impl<'a> Watch<'a> {
    /// A watch that begins now.
    pub(super) fn new(seconds_max: f64, stop: &'a AtomicBool) -> Self {
        let time = Duration::try_from_secs_f64(seconds_max.max(0.0)).unwrap_or(Duration::MAX);
        Self { time, until: Cell::new(Instant::now().checked_add(time)), stop, given_up: Cell::new(None) }
    }

    /// The end `pipe` of a pipe, which never blocks from now on by itself.
    ///
    /// # Errors
    /// When the system refuses that.
    pub(super) fn over<P: AsFd>(&'a self, pipe: &'a mut P) -> Result<Watched<'a, P>> {
        ioctl_fionbio(&*pipe, true)?;
        Ok(Watched { pipe, watch: self })
    }

    /// Why the child was given up, if it was.
    pub(super) fn given_up(&self) -> Option<GivenUp> {
        self.given_up.get()
    }

    /// Runs `work`, whose time is not the child's. After that the child has its time anew: a part of the file is done.
    pub(super) fn pause<T>(&self, work: impl FnOnce() -> T) -> T {
        let done = work();
        self.until.set(Instant::now().checked_add(self.time));
        done
    }

    /// The time that is left until somebody has to look again.
    fn left(&self) -> Result<Duration> {
        let left = self.until.get().map_or(LOOK_EVERY, |until| until.saturating_duration_since(Instant::now()));
        self.given_up.set(match () {
            () if self.stop.load(Ordering::Relaxed) => Some(GivenUp::Stopped),
            () if left.is_zero() => Some(GivenUp::TimeIsUp),
            () => None,
        });
        if self.given_up().is_some() { Err(ErrorKind::TimedOut.into()) } else { Ok(left.min(LOOK_EVERY)) }
    }

    /// Does `work` on the pipe as soon as the child has done its part.
    fn patiently<P: AsFd, T>(
        &self,
        pipe: &mut P,
        for_what: PollFlags,
        mut work: impl FnMut(&mut P) -> Result<T>,
    ) -> Result<T> {
        loop {
            let left = Timespec::try_from(self.left()?).map_err(Error::other)?;
            match work(pipe) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                done => return done,
            }
            match poll(&mut [PollFd::new(pipe, for_what)], Some(&left)) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl<P: Read + AsFd> Read for Watched<'_, P> {
    fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        self.watch.patiently(self.pipe, PollFlags::IN, |pipe| pipe.read(into))
    }
}

impl<P: Write + AsFd> Write for Watched<'_, P> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.watch.patiently(self.pipe, PollFlags::OUT, |pipe| pipe.write(bytes))
    }

    fn flush(&mut self) -> Result<()> {
        self.pipe.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{PipeReader, PipeWriter, pipe};

    use super::*;

    fn watched(seconds: f64, stop: &AtomicBool, work: impl FnOnce(&Watch<'_>, PipeReader, PipeWriter)) {
        let (reader, writer) = pipe().unwrap();
        work(&Watch::new(seconds, stop), reader, writer);
    }

    #[test]
    fn the_clock_stands_still_while_the_child_waits() {
        let stop = AtomicBool::new(false);
        watched(0.05, &stop, |watch, mut reader, _writer| {
            watch.pause(|| std::thread::sleep(Duration::from_millis(120)));
            let started = Instant::now();
            let error = watch.over(&mut reader).unwrap().read(&mut [0]).unwrap_err();
            assert!(started.elapsed() >= Duration::from_millis(45));
            assert_eq!((error.kind(), watch.given_up()), (ErrorKind::TimedOut, Some(GivenUp::TimeIsUp)));
        });
    }

    #[test]
    fn nobody_waits_for_a_child_that_takes_nothing_or_is_not_wanted_any_more() {
        let stop = AtomicBool::new(false);
        watched(0.05, &stop, |watch, _reader, mut writer| {
            let error = watch.over(&mut writer).unwrap().write_all(&vec![0; 1 << 20]).unwrap_err();
            assert_eq!((error.kind(), watch.given_up()), (ErrorKind::TimedOut, Some(GivenUp::TimeIsUp)));
        });
        watched(60.0, &stop, |watch, mut reader, _writer| {
            stop.store(true, Ordering::Relaxed);
            assert!(watch.over(&mut reader).unwrap().read(&mut [0]).is_err());
            assert_eq!(watch.given_up(), Some(GivenUp::Stopped));
        });
    }

    #[test]
    fn what_comes_late_comes_whole() {
        let stop = AtomicBool::new(false);
        let sent: Vec<u8> = (0..1 << 18).map(|at: u32| at as u8).collect();
        watched(60.0, &stop, |watch, mut reader, writer| {
            let mut received = Vec::new();
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    let mut writer = writer;
                    let watch = Watch::new(60.0, &stop);
                    watch.over(&mut writer).unwrap().write_all(&sent).unwrap();
                });
                std::thread::sleep(Duration::from_millis(60));
                watch.over(&mut reader).unwrap().read_to_end(&mut received).unwrap();
            });
            assert_eq!((received == sent, watch.given_up()), (true, None));
        });
    }
}
