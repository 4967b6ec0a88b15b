//! A small index in, a large one like it out, without embedding anything: for measuring searches over many chunks.
//!
//! Every document of the small index is copied until there are enough chunks. A copy is no duplicate: each chunk's unit
//! vector is moved by noise (its cosine with the original is about 0.9), its words are shuffled and a quarter of them
//! come from another chunk of the index, and so do a quarter of its packed token vectors. It is written as `ibid index`
//! writes: intents, points, flush, manifest; then the store is optimized. Figures about speed carry over; such a
//! collection says nothing about quality.

use std::path::Path;

use uuid::Uuid;

use crate::database::{ChunkRow, FileEntry};
use crate::error::{Error, Result};
use crate::inference::manifest::Manifest;
use crate::late_interaction::packed_bytes;
use crate::random::Random;
use crate::services::{Index, OpenSettings, Opening};
use crate::store::{NewPoint, Payload};
use crate::vector::normalize;

/// Length of the noise added to a unit vector: the cosine with the original is then 1 / √(1 + 0.48²) ≈ 0.9.
const NOISE: f32 = 0.48;

/// One in so many words and tokens comes from another chunk.
const STRANGERS: usize = 4;

/// The key under which such an index says what it is.
const MARK: &str = "generated";

/// Copies the index of `from` into the folder of `to` until it holds `chunks` chunks. An index of that size that an earlier
/// call made there is left as it is. `progress` hears the chunks written so far.
///
/// # Errors
/// [`Error::Usage`] when the index of `from` is empty, or when `to` holds an index that was not made here or is of another
/// size; what store or database report.
pub fn generate(
    from: &OpenSettings,
    to: &Path,
    manifest: &Manifest,
    chunks: usize,
    progress: &dyn Fn(usize),
) -> Result<()> {
    let source = Index::open(from, manifest, Opening::Existing)?;
    let settings = OpenSettings {
        home: to.to_path_buf(),
        chunk: source.identity.chunk.clone(),
        store: source.identity.store.clone(),
        ..from.clone()
    };
    let mut made = Index::open(&settings, manifest, Opening::OrCreate)?;
    let mark = format!("{chunks} chunks");
    match made.database.meta(MARK)? {
        Some(found) if found == mark => return Ok(()),
        None if made.database.files()?.is_empty() => {}
        found => {
            let found = found.unwrap_or_else(|| "an index of documents".into());
            return Err(Error::usage(format!("{} holds {found}; name an empty folder", to.display())));
        }
    }
    let paths: Vec<String> = source.database.files()?.into_keys().collect();
    let material = Material::of(&source, &paths)?;
    let mut written = 0;
    for round in 0.. {
        for path in &paths {
            let Some(entry) = source.database.entry(path)?.filter(|entry| !entry.chunks.is_empty()) else { continue };
            let mut random = Random::new((round as u64) << 32 ^ written as u64);
            let copied = copy(&source, &entry, round, chunks - written, &material, &mut random)?;
            written += copied.1.chunks.len();
            store(&mut made, copied)?;
            progress(written);
            if written == chunks {
                made.store.optimize()?;
                made.store.flush()?;
                return made.database.set_meta(MARK, &mark);
            }
        }
    }
    unreachable!("every round writes chunks, so that one of them is the last")
}

/// What strangers come from.
struct Material {
    points: Vec<Uuid>,
}

impl Material {
    fn of(source: &Index, paths: &[String]) -> Result<Self> {
        let mut points = Vec::new();
        for path in paths {
            points.extend(source.database.points_of(path)?);
        }
        if points.is_empty() {
            return Err(Error::usage("the index holds no chunks to copy; fill it with: ibid index PATH"));
        }
        Ok(Self { points })
    }
}

/// The durable order of `ibid index`.
fn store(made: &mut Index, (points, entry): (Vec<NewPoint>, FileEntry)) -> Result<()> {
    let ids: Vec<Uuid> = points.iter().map(|point| point.id).collect();
    made.database.note_intents(&ids)?;
    made.store.upsert(points)?;
    made.store.flush()?;
    made.database.commit_files(&[entry], &[])?;
    Ok(())
}

/// At most `chunks_max` chunks of a document, changed as the head of this file says.
fn copy(
    source: &Index,
    entry: &FileEntry,
    round: usize,
    chunks_max: usize,
    material: &Material,
    random: &mut Random,
) -> Result<(Vec<NewPoint>, FileEntry)> {
    let path = format!("/generated/{round}{}", entry.row.path);
    let own = &entry.chunks[..entry.chunks.len().min(chunks_max)];
    let ids: Vec<Uuid> = own.iter().map(|chunk| chunk.point).collect();
    let strangers: Vec<Uuid> = ids.iter().map(|_| material.points[random.below(material.points.len())]).collect();
    let vectors = source.store.vectors(&ids)?;
    let payload_of = |ids: &[Uuid]| Ok::<_, Error>(source.store.fetch(ids)?.into_iter().collect());
    let payloads: std::collections::HashMap<Uuid, Payload> = payload_of(&ids)?;
    let others: std::collections::HashMap<Uuid, Payload> = payload_of(&strangers)?;
    let other_codes = source.database.codes(&strangers)?;
    let bytes = packed_bytes(source.identity.dimensions);
    let mut points = Vec::with_capacity(own.len());
    let mut rows = Vec::with_capacity(own.len());
    for (((chunk, stranger), vector), id) in own.iter().zip(&strangers).zip(vectors).zip(&ids) {
        let (Some(mut dense), Some(payload), Some(other)) = (vector, payloads.get(id), others.get(stranger)) else {
            continue;
        };
        shake(&mut dense, random);
        let words: Vec<&str> = payload.text.split_whitespace().collect();
        let text = mixed(&words, &other.text.split_whitespace().collect::<Vec<_>>(), random).join(" ");
        let tokens: Vec<&[u8]> = chunk.codes.chunks_exact(bytes).collect();
        let strange: Vec<&[u8]> =
            other_codes.get(stranger).map_or(&[][..], Vec::as_slice).chunks_exact(bytes).collect();
        let id = Uuid::new_v5(id, path.as_bytes());
        rows.push(ChunkRow { point: id, codes: mixed(&tokens, &strange, random).concat() });
        let payload = Payload { path: path.clone(), end: payload.start + text.len(), text, ..payload.clone() };
        points.push(NewPoint { id, dense, words: payload.text.clone(), payload });
    }
    let mut row = entry.row.clone();
    row.path = path;
    // Counts of tokens are those of the whole document, though the last copy may be cut short.
    let (terms, words, label) = (entry.terms.clone(), entry.words.clone(), entry.label.clone());
    let entry = FileEntry { row, chunks: rows, terms, words, label, members: Vec::new() };
    Ok((points, entry))
}

/// Moves a unit vector into a random direction by [`NOISE`].
fn shake(vector: &mut [f32], random: &mut Random) {
    let mut noise: Vec<f32> = vector.iter().map(|_| random.below(2001) as f32 / 1000.0 - 1.0).collect();
    normalize(&mut noise);
    vector.iter_mut().zip(&noise).for_each(|(value, noise)| *value += NOISE * noise);
    normalize(vector);
}

/// `own` in random order, one in [`STRANGERS`] replaced by one of `strangers`.
fn mixed<'a, T: ?Sized>(own: &[&'a T], strangers: &[&'a T], random: &mut Random) -> Vec<&'a T> {
    let mut all = own.to_vec();
    for last in (1..all.len()).rev() {
        all.swap(last, random.below(last + 1));
    }
    if !strangers.is_empty() {
        all.iter_mut().step_by(STRANGERS).for_each(|place| *place = strangers[random.below(strangers.len())]);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vector::dot;

    #[test]
    fn a_shaken_vector_is_a_near_one_of_length_one() {
        let mut random = Random::new(1);
        let original = {
            let mut vector: Vec<f32> = (0..384).map(|_| random.below(2001) as f32 / 1000.0 - 1.0).collect();
            normalize(&mut vector);
            vector
        };
        let mut shaken = original.clone();
        shake(&mut shaken, &mut random);
        let cosine = dot(&original, &shaken);
        assert!((0.85..0.95).contains(&cosine), "{cosine}");
        assert!((dot(&shaken, &shaken) - 1.0).abs() < 1e-5);
    }

    #[test]
    fn mixing_keeps_three_in_four() {
        let own: Vec<String> = (0..40).map(|number| number.to_string()).collect();
        let own: Vec<&str> = own.iter().map(String::as_str).collect();
        let all = mixed(&own, &["x"], &mut Random::new(1));
        assert_eq!(all.len(), 40);
        assert_eq!(all.iter().filter(|word| **word == "x").count(), 10);
        assert_ne!(mixed(&own, &[], &mut Random::new(1)), own);
    }
}
