//! What is said when the system takes a page of a mapped file away: there is no error to handle, only a signal.

#[cfg(unix)]
mod unix {
    use std::fs::File;
    use std::io::Write;
    use std::mem::ManuallyDrop;
    use std::os::fd::FromRawFd;

    use signal_hook::consts::SIGBUS;

    use crate::error::{Error, Result};

    const WORDS: &[u8] = b"error: the disk has no room for a page of the index, or one of its files was cut off while it was open: free some \
        space and run the same command again; what was finished is kept\n";

    const FULL_DISK: i32 = 5;
    const STDERR: i32 = 2;

    /// From now on, such a page ends the process with one line and the exit code of a full disk, instead of the system's `Bus error`.
    pub(crate) fn tell_of_lost_pages() -> Result<()> {
        // Nothing in here takes a lock or memory, and the process does not go on after it.
        let tell = || {
            #[expect(unsafe_code, reason = "the descriptor is the process's own and is not closed")]
            let mut stderr = ManuallyDrop::new(unsafe { File::from_raw_fd(STDERR) });
            let _ = stderr.write(WORDS);
            signal_hook::low_level::exit(FULL_DISK);
        };
        #[expect(unsafe_code, reason = "what runs in a signal handler is for the author to look after")]
        let listening = unsafe { signal_hook::low_level::register(SIGBUS, tell) };
        listening.map(drop).map_err(Error::io("listen for", "lost pages"))
    }
}

#[cfg(unix)]
pub(crate) use unix::tell_of_lost_pages;

/// Other systems have no such signal.
#[cfg(not(unix))]
pub(crate) fn tell_of_lost_pages() -> crate::error::Result<()> {
    Ok(())
}
