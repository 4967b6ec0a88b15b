//! An opened index in, lines of JSON out that are the same for the same documents, whatever way the index came to hold them.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::database::Database;
use crate::error::{Error, Result};
use crate::store::EdgeStore;

/// What an export holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exported {
    /// Files, and files inside files.
    pub files: u64,
    /// Their chunks.
    pub chunks: u64,
}

/// Hands the index to `take`: an object that says what it was made with, then one a file by path, each followed by one a chunk in text
/// order. Times, and the numbers that the database gives to its rows, are left out.
///
/// # Errors
/// [`Error::IndexDamaged`] for a chunk that is named and not stored; what `take`, store and database report.
pub fn export(
    store: &EdgeStore,
    database: &Database,
    identity: &Value,
    with_vectors: bool,
    take: &mut dyn FnMut(Value) -> Result<()>,
) -> Result<Exported> {
    take(json!({ "schema": "ibid.export/1", "identity": identity }))?;
    let mut exported = Exported { files: 0, chunks: 0 };
    for (path, row) in database.files()? {
        exported.files += 1;
        take(json!({
            "file": path,
            "container": (!row.container.is_empty()).then_some(row.container),
            "document": row.sha256,
            "bytes": row.bytes,
            "status": row.status.name(),
            "reason": row.reason,
            "format": row.format,
            "title": row.title,
            "pages": row.pages,
            "tokens": row.tokens,
        }))?;
        let mut ids = database.points_of(&path)?;
        ids.sort_unstable();
        let chunks = store.fetch(&ids)?;
        if chunks.len() < ids.len() {
            let reason = format!("{} of the {} chunks of {path} are not stored", ids.len() - chunks.len(), ids.len());
            return Err(Error::IndexDamaged { path: path.into(), reason, source: None });
        }
        let codes = database.codes(&ids)?;
        let vectors = if with_vectors { store.vectors(&ids)? } else { vec![None; ids.len()] };
        let mut vectors: std::collections::HashMap<_, _> = ids.iter().copied().zip(vectors).collect();
        let mut chunks: Vec<_> = chunks.into_iter().collect();
        chunks.sort_by_key(|(id, chunk)| (chunk.start, chunk.end, *id));
        for (id, chunk) in chunks {
            exported.chunks += 1;
            let digest = Sha256::digest(codes.get(&id).map_or(&[][..], Vec::as_slice));
            let digest: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
            let mut line = json!({
                "chunk": id.to_string(),
                "page": chunk.page,
                "start": chunk.start,
                "end": chunk.end,
                "heading": chunk.heading,
                "text": chunk.text,
                "codes_sha256": digest,
            });
            if let Some(vector) = vectors.remove(&id).flatten() {
                line["vector"] = vector.into();
            }
            take(line)?;
        }
    }
    Ok(exported)
}
