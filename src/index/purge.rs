//! Removed chunks leave the files of the index, too: neither the engine's segments and log nor the database keep their bytes.
//!
//! Removing a chunk only marks it. Its bytes go when its segment is written anew, and from the log when newer entries displace it. What is
//! due is noted with the removal itself, so that a crash in between leaves it due.

use uuid::Uuid;

use super::writer::recover;
use crate::database::Database;
use crate::error::Result;
use crate::failpoint::failpoint;
use crate::store::EdgeStore;

/// Where the database notes that removed chunks may still have bytes in the files.
const DUE: &str = "purge_due";
/// The chunks that displace others from the engine's log.
const FILLERS: [Uuid; 2] = [
    Uuid::from_u128(0x1d1b_0000_0000_4000_8000_0000_0000_0001),
    Uuid::from_u128(0x1d1b_0000_0000_4000_8000_0000_0000_0002),
];

/// Notes that chunks are about to be removed whose bytes have to go.
///
/// # Errors
/// What the database reports.
pub(super) fn note_due(database: &Database) -> Result<()> {
    database.set_meta(DUE, "1")
}

/// Whether removed chunks may still have bytes in the files.
///
/// # Errors
/// What the database reports.
pub fn is_due(database: &Database) -> Result<bool> {
    Ok(database.meta(DUE)?.is_some_and(|due| due == "1"))
}

/// Takes the bytes of removed chunks out of the files, where that is due. The removals themselves are durable.
///
/// # Errors
/// What store or database report; then it stays due.
pub(super) fn purge(store: &EdgeStore, database: &mut Database) -> Result<()> {
    if !is_due(database)? {
        return Ok(());
    }
    database.note_intents(&FILLERS)?;
    store.displace_log(&FILLERS)?;
    failpoint("log-displaced");
    // As after a crash: what was only intended goes.
    recover(store, database)?;
    store.vacuum()?;
    failpoint("segments-rewritten");
    database.set_meta(DUE, "0")?;
    database.empty_log()
}
