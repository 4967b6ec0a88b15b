//! The embedded Qdrant engine: one shard with a dense and a BM25 vector a chunk.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use qdrant_edge::{
    Condition, EdgeOptimizersConfig, EdgeShard, Filter, HasIdCondition, NamedQuery, OperationError, PointId,
    PointInsertOperations, PointOperations, PointStruct, QueryEnum, QueryRequestBuilder, RetrieveRequestBuilder,
    ScoringQuery, ScrollRequest, SearchParams, UpdateOperation, Vector, VectorInternal, VectorStructInternal, Vectors,
    WithPayloadInterface, WithVector,
};
use uuid::Uuid;

use super::room::check_room;
use super::settings::{BM25, DENSE, StoreSettings, config, graph, optimizers};
use super::words::Words;
use super::{NewPoint, Payload, Scored, StoreInfo, Wording};
use crate::error::{Cause, Error, Result};
use crate::vector::dot;

/// Bytes that the disk must have to spare before the engine is let near its files: opening and removing write little.
const ROOM_BYTES: u64 = 1 << 20;

/// Bytes that writing leaves free beyond what it takes: whoever opens the store after it was stopped by a full disk needs [`ROOM_BYTES`]
/// of them, and the database beside it grows too.
const SPARE_BYTES: u64 = 3 << 20;

/// Times that what a chunk holds is written: to the log, to its segment, and to the words' own index.
const WRITTEN_TIMES: u64 = 3;

/// How long the engine's files may still be held by a process that is ending, and how often that is looked at.
const RELEASE_WAIT: Duration = Duration::from_secs(5);
const RELEASE_EVERY: Duration = Duration::from_millis(5);

/// Bytes of a piece of the engine's log in indexes that were made before that was set.
const DEFAULT_LOG_BYTES: usize = 32 << 20;

/// The chunks of one index in the embedded engine. Writers take turns on a lock inside; reads run beside each other.
#[derive(Debug)]
pub struct EdgeStore {
    shard: EdgeShard,
    words: Words,
    dimensions: usize,
    settings: StoreSettings,
    path: PathBuf,
}

impl EdgeStore {
    /// Opens the store in `path`, making an empty one where there is none. The caller holds the index lock.
    ///
    /// # Errors
    /// [`Error::IndexDamaged`] when what is there cannot be loaded; [`Error::IndexMismatch`] when it holds vectors of
    /// another width; [`Error::Store`] when a new one cannot be made.
    pub fn open(path: &Path, dimensions: usize, settings: StoreSettings) -> Result<Self> {
        check_room(path, ROOM_BYTES)?;
        let words = Words::new(&settings)?;
        let shard = if path.join("edge_config.json").exists() {
            load(path)?
        } else if path.join("segments").exists() {
            let reason = "the vector store has lost its configuration".into();
            return Err(Error::IndexDamaged { path: path.to_path_buf(), reason, source: None });
        } else {
            guarded(path, || EdgeShard::new(path, config(dimensions, &settings)))?.map_err(failed("make an index"))?
        };
        let stored = shard.config().vectors.get(DENSE).map(|vector| vector.size);
        if stored != Some(dimensions) {
            return Err(Error::IndexMismatch {
                path: path.to_path_buf(),
                made_with: format!("vectors of {} dimensions", stored.unwrap_or_default()),
                asked: format!("{dimensions}"),
            });
        }
        Ok(Self { shard, words, dimensions, settings, path: path.to_path_buf() })
    }

    /// Stores chunks; those with an id that is already there replace it. Durable only after [`Self::flush`].
    ///
    /// # Errors
    /// [`Error::Store`] when the engine fails.
    ///
    /// # Panics
    /// When a vector has another width than the store: the engine would log the batch before refusing it.
    pub fn upsert(&self, points: Vec<NewPoint>) -> Result<()> {
        if points.is_empty() {
            return Ok(());
        }
        let held = |point: &NewPoint| 4 * point.dense.len() + point.words.len() + point.payload.text.len() + 1024;
        let bytes = points.iter().map(held).sum::<usize>() as u64;
        check_room(&self.path, SPARE_BYTES + WRITTEN_TIMES * bytes)?;
        let points = points.into_iter().map(|point| self.structured(point)).collect::<Result<Vec<_>>>()?;
        let operation = PointOperations::UpsertPoints(PointInsertOperations::PointsList(points));
        let operation = UpdateOperation::PointOperation(operation);
        guarded(&self.path, || self.shard.update(operation))?.map_err(failed("write chunks"))
    }

    fn structured(&self, point: NewPoint) -> Result<qdrant_edge::PointStructPersisted> {
        assert_eq!(point.dense.len(), self.dimensions, "a vector has the store's width");
        let sparse = self.words.of_passage(&point.words);
        let vectors = Vectors::new_named([
            (DENSE, Vector::new_dense(point.dense)),
            (BM25, Vector(VectorInternal::Sparse(sparse))),
        ]);
        let payload = serde_json::to_value(&point.payload)
            .map_err(|source| Error::Store { operation: "describe a chunk", source: source.into() })?;
        Ok(PointStruct::new(PointId::Uuid(point.id), vectors, payload).into())
    }

    /// Removes chunks; ids that are not there are no error. Durable only after [`Self::flush`].
    ///
    /// # Errors
    /// [`Error::Store`] when the engine fails.
    pub fn delete(&self, ids: &[Uuid]) -> Result<()> {
        if ids.is_empty() {
            return Ok(());
        }
        check_room(&self.path, ROOM_BYTES)?;
        let ids = ids.iter().copied().map(PointId::Uuid).collect();
        let operation = UpdateOperation::PointOperation(PointOperations::DeletePoints { ids });
        guarded(&self.path, || self.shard.update(operation))?.map_err(failed("remove chunks"))
    }

    /// Makes every change so far survive a crash; blocks until the disk has it.
    ///
    /// # Errors
    /// [`Error::Store`] when the engine fails.
    pub fn flush(&self) -> Result<()> {
        guarded(&self.path, || self.shard.flush())?.map_err(failed("flush"))
    }

    /// Ends the use of a store that was only read, in a process that is about to end. Dropping it instead would let the engine
    /// throw its files out of the system's cache, and the next process would search on disk.
    pub fn leave(self) {
        std::mem::forget(self.shard);
    }

    /// Merges segments and builds their graphs where that pays; blocks, a minute for a hundred thousand chunks.
    /// Whether anything was done.
    ///
    /// # Errors
    /// [`Error::Store`] when the engine fails, [`Error::IndexDamaged`] when it cannot read what it stored.
    pub fn optimize(&self) -> Result<bool> {
        self.optimize_by(optimizers(&self.settings))
    }

    /// As [`Self::optimize`], by these rules; they stay the engine's.
    fn optimize_by(&self, rules: EdgeOptimizersConfig) -> Result<bool> {
        let kilobytes = self.read(|| self.shard.info())?.points_count * self.dimensions * size_of::<f32>() / 1024;
        if !self.has_graph() && kilobytes > self.settings.scan_kilobytes_max {
            // The engine sees that its segments are no longer as configured, and builds them anew.
            let set = || self.shard.set_hnsw_config(graph());
            guarded(&self.path, set)?.map_err(failed("set up the graph"))?;
        }
        // Settings may have changed since the engine was told.
        let is_told = self.shard.config().optimizers() == rules;
        if !is_told {
            guarded(&self.path, || self.shard.set_optimizers_config(rules))?.map_err(failed("set up"))?;
        }
        guarded(&self.path, || self.shard.optimize())?.map_err(failed("optimize the index"))
    }

    /// Whether packed segments are given a graph. Stores of versions that left this to the engine say nothing, which is yes.
    fn has_graph(&self) -> bool {
        self.shard.config().hnsw_config.is_none_or(|graph| graph.m > 0)
    }

    /// Rewrites every segment that still has bytes of removed chunks; blocks, up to a minute for a hundred thousand chunks.
    ///
    /// # Errors
    /// [`Error::Store`] when the engine fails.
    pub fn vacuum(&self) -> Result<()> {
        let eager = EdgeOptimizersConfig {
            deleted_threshold: Some(0.0),
            vacuum_min_vector_number: Some(1),
            ..optimizers(&self.settings)
        };
        self.optimize_by(eager)?;
        self.flush()
    }

    /// Writes chunks without meaning under `ids` until the engine's log holds nothing that was written before; the caller removes them.
    ///
    /// # Errors
    /// [`Error::Store`] when the engine fails.
    pub fn displace_log(&self, ids: &[Uuid; 2]) -> Result<()> {
        let capacity = self.shard.config().wal_options.as_ref().map_or(DEFAULT_LOG_BYTES, |log| log.segment_capacity);
        // One closes the piece of the log that is open, the other the next one; the engine keeps one closed piece.
        for id in ids {
            let mut dense = vec![0.0; self.dimensions];
            dense[0] = 1.0;
            let payload = Payload {
                path: String::new(),
                document: String::new(),
                title: None,
                page: None,
                start: 0,
                end: 0,
                heading: Vec::new(),
                text: "-".repeat(capacity),
                tables: Vec::new(),
            };
            self.upsert(vec![NewPoint { id: *id, dense, words: String::new(), payload }])?;
            self.flush()?;
        }
        Ok(())
    }

    /// The `limit` chunks whose vectors are nearest to `query` by cosine, best first.
    ///
    /// # Errors
    /// [`Error::IndexDamaged`] when the engine cannot read what it stored.
    ///
    /// # Panics
    /// When `query` has another width than the store.
    pub fn search_dense(&self, query: &[f32], limit: usize) -> Result<Vec<Scored>> {
        assert_eq!(query.len(), self.dimensions, "a query has the store's width");
        let query = QueryEnum::Nearest(NamedQuery::new(VectorInternal::Dense(query.to_vec()), DENSE));
        let params = SearchParams { hnsw_ef: Some(self.settings.search_effort.max(limit)), ..SearchParams::default() };
        self.run(query, limit, Some(params), None)
    }

    /// The cosines of the chunks `ids` to `query`, exact, best first.
    ///
    /// # Errors
    /// [`Error::IndexDamaged`] when the engine cannot read what it stored.
    pub fn score_dense(&self, query: &[f32], ids: &[Uuid]) -> Result<Vec<Scored>> {
        let vectors = self.vectors(ids)?;
        let scored =
            ids.iter().zip(vectors).filter_map(|(&id, vector)| Some(Scored { id, score: dot(query, &vector?) }));
        Ok(scored.collect())
    }

    /// The BM25 scores of those of the chunks `ids` that share a word with `query`.
    ///
    /// # Errors
    /// [`Error::IndexDamaged`] when the engine cannot read what it stored.
    pub fn score_words<'a>(&self, query: impl Into<Wording<'a>>, ids: &[Uuid]) -> Result<Vec<Scored>> {
        let query = self.words.of_query(query.into());
        if query.indices.is_empty() || ids.is_empty() {
            return Ok(Vec::new());
        }
        let only: HasIdCondition = ids.iter().copied().map(PointId::Uuid).collect();
        let filter = Filter::new_must(Condition::HasId(only));
        let query = QueryEnum::Nearest(NamedQuery::new(VectorInternal::Sparse(query), BM25));
        self.run(query, ids.len(), None, Some(filter))
    }

    /// The `limit` chunks that share the rarest words with `query` by BM25, best first; none when it has no such word.
    ///
    /// # Errors
    /// [`Error::IndexDamaged`] when the engine cannot read what it stored.
    pub fn search_words<'a>(&self, query: impl Into<Wording<'a>>, limit: usize) -> Result<Vec<Scored>> {
        let query = self.words.of_query(query.into());
        if query.indices.is_empty() {
            return Ok(Vec::new());
        }
        self.run(QueryEnum::Nearest(NamedQuery::new(VectorInternal::Sparse(query), BM25)), limit, None, None)
    }

    fn run(
        &self,
        query: QueryEnum,
        limit: usize,
        params: Option<SearchParams>,
        filter: Option<Filter>,
    ) -> Result<Vec<Scored>> {
        let mut request = QueryRequestBuilder::new(limit).query(ScoringQuery::Vector(query));
        if let Some(params) = params {
            request = request.params(params);
        }
        if let Some(filter) = filter {
            request = request.filter(filter);
        }
        let found = self.read(|| self.shard.query(request.build()))?;
        if found.iter().any(|point| !point.score.is_finite()) {
            return Err(self.broken("it holds vectors that are no numbers"));
        }
        Ok(found.into_iter().filter_map(|point| Some(Scored { id: uuid(point.id)?, score: point.score })).collect())
    }

    /// The stored chunks with these ids, in their order; ids that are not there are left out.
    ///
    /// # Errors
    /// [`Error::IndexDamaged`] when the engine cannot read it or a payload is not one of ours.
    pub fn fetch(&self, ids: &[Uuid]) -> Result<Vec<(Uuid, Payload)>> {
        let request = RetrieveRequestBuilder::new(ids.iter().copied().map(PointId::Uuid).collect())
            .with_payload(WithPayloadInterface::Bool(true))
            .build();
        let records = self.read(|| self.shard.retrieve(request))?;
        let mut chunks = Vec::with_capacity(records.len());
        for record in records {
            let Some(id) = uuid(record.id) else { continue };
            let map = record.payload.map(|payload| payload.0).unwrap_or_default();
            let payload = serde_json::from_value(serde_json::Value::Object(map)).map_err(|source| {
                let reason = format!("chunk {id} has no readable payload");
                Error::IndexDamaged { path: self.path.clone(), reason, source: Some(source.into()) }
            })?;
            chunks.push((id, payload));
        }
        Ok(chunks)
    }

    /// The stored unit vectors of chunks, in the order of `ids`; `None` for ids that are not there.
    ///
    /// # Errors
    /// [`Error::IndexDamaged`] when the engine cannot read what it stored.
    pub fn vectors(&self, ids: &[Uuid]) -> Result<Vec<Option<Vec<f32>>>> {
        let request = RetrieveRequestBuilder::new(ids.iter().copied().map(PointId::Uuid).collect())
            .with_payload(WithPayloadInterface::Bool(false))
            .with_vector(WithVector::Selector(vec![DENSE.into()]))
            .build();
        let records = self.read(|| self.shard.retrieve(request))?;
        let mut found = HashMap::with_capacity(records.len());
        for record in records {
            let (Some(id), Some(VectorStructInternal::Named(mut named))) = (uuid(record.id), record.vector) else {
                continue;
            };
            if let Some(VectorInternal::Dense(dense)) = named.remove(DENSE) {
                found.insert(id, dense);
            }
        }
        Ok(ids.iter().map(|id| found.remove(id)).collect())
    }

    /// Ids of all stored chunks.
    ///
    /// # Errors
    /// [`Error::IndexDamaged`] when the engine cannot read what it stored.
    pub fn ids(&self) -> Result<Vec<Uuid>> {
        let mut ids = Vec::new();
        let mut offset = None;
        loop {
            let request = ScrollRequest {
                offset,
                limit: Some(4096),
                with_payload: Some(WithPayloadInterface::Bool(false)),
                ..ScrollRequest::new()
            };
            let (records, next) = self.read(|| self.shard.scroll(request))?;
            ids.extend(records.into_iter().filter_map(|record| uuid(record.id)));
            match next {
                Some(next) => offset = Some(next),
                None => return Ok(ids),
            }
        }
    }

    /// Counts of the store.
    ///
    /// # Errors
    /// [`Error::IndexDamaged`] when the engine cannot read what it stored.
    pub fn info(&self) -> Result<StoreInfo> {
        let info = self.read(|| self.shard.info())?;
        Ok(StoreInfo {
            points: info.points_count,
            segments: info.segments_count,
            // The engine counts a packed chunk's words as well, and its dense vector with a graph or without one.
            indexed_vectors: match self.has_graph() {
                true => info.indexed_vectors_count.saturating_sub(info.points_count),
                false => 0,
            },
        })
    }

    /// Reads every chunk with its payload and vector; takes a second or so for ten thousand.
    ///
    /// # Errors
    /// [`Error::IndexDamaged`] for what cannot be read, and for a vector that is not of length 1.
    pub fn check(&self) -> Result<()> {
        for ids in self.ids()?.chunks(1024) {
            self.fetch(ids)?;
            let is_unit = |vector: &[f32]| (dot(vector, vector) - 1.0).abs() < 0.05;
            let vectors = self.vectors(ids)?;
            if !vectors.iter().all(|vector| vector.as_deref().is_some_and(is_unit)) {
                return Err(self.broken("it holds vectors that are not as they were written"));
            }
        }
        Ok(())
    }

    fn broken(&self, reason: &str) -> Error {
        Error::IndexDamaged { path: self.path.clone(), reason: reason.into(), source: None }
    }

    /// A read that fails has met a file that is not as it was written.
    fn read<T>(&self, work: impl FnOnce() -> Result<T, OperationError>) -> Result<T> {
        guarded(&self.path, work)?.map_err(|source| damaged(&self.path, "the vector store cannot be read", source))
    }
}

/// Loads what is in `path`. A process that has ended its search gives its lock back a moment before the engine's own files.
fn load(path: &Path) -> Result<EdgeShard> {
    let started = Instant::now();
    loop {
        match guarded(path, || EdgeShard::load(path, None))? {
            Ok(shard) => return Ok(shard),
            Err(error) if error.to_string().contains("WouldBlock") && started.elapsed() < RELEASE_WAIT => {
                std::thread::sleep(RELEASE_EVERY);
            }
            Err(source) => return Err(damaged(path, "the vector store cannot be loaded", source)),
        }
    }
}

/// The engine meets some broken files with a panic rather than an error; that, too, is damage and no crash of ours.
fn guarded<T>(path: &Path, work: impl FnOnce() -> Result<T, OperationError>) -> Result<Result<T, OperationError>> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| Error::IndexDamaged {
        path: path.to_path_buf(),
        reason: "the vector store contradicts itself".into(),
        source: None,
    })
}

fn uuid(id: PointId) -> Option<Uuid> {
    match id {
        PointId::Uuid(uuid) => Some(uuid),
        PointId::NumId(_) => None,
    }
}

/// The engine says of a full disk only in words, and a full disk is no damage.
fn damaged(path: &Path, reason: &str, source: OperationError) -> Error {
    let failure = failed("read the index")(source);
    match failure {
        Error::Store { source, .. } if !source.to_string().contains("No space left on device") => {
            Error::IndexDamaged { path: path.to_path_buf(), reason: reason.into(), source: Some(source) }
        }
        full => full,
    }
}

fn failed(operation: &'static str) -> impl FnOnce(OperationError) -> Error {
    move |source| {
        let source: Cause = Box::new(source);
        Error::Store { operation, source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;
    use crate::vector::normalize;

    fn point(seed: u8, words: &str) -> NewPoint {
        let mut dense = vec![0.0; 4];
        dense[usize::from(seed) % 4] = 1.0;
        NewPoint {
            id: Uuid::from_bytes([seed; 16]),
            dense,
            words: words.into(),
            payload: Payload {
                path: format!("/docs/{seed}.txt"),
                document: "hash".into(),
                title: None,
                page: None,
                start: 0,
                end: words.len(),
                heading: vec!["Fees".into()],
                text: words.into(),
                tables: Vec::new(),
            },
        }
    }

    fn store(folder: &Path) -> EdgeStore {
        EdgeStore::open(folder, 4, StoreSettings::default()).unwrap()
    }

    #[test]
    fn what_is_stored_is_found_by_vector_and_by_word_and_survives_reopening() {
        let folder = tempfile::tempdir().unwrap();
        {
            let store = store(folder.path());
            store.upsert(vec![point(1, "the leverage ratio of the borrower"), point(2, "travel expenses")]).unwrap();
            store.upsert(vec![point(1, "the leverage ratio of the borrower")]).unwrap();
            store.flush().unwrap();
        }
        let store = store(folder.path());
        assert_eq!(store.info().unwrap().points, 2, "an upsert twice is once");
        let dense = store.search_dense(&[0.0, 1.0, 0.0, 0.0], 10).unwrap();
        assert_eq!(dense[0].id, Uuid::from_bytes([1; 16]));
        let words = store.search_words("Leverage ratios", 10).unwrap();
        assert_eq!(words.len(), 1, "stemmed, and only the chunk that has the words");
        let fetched = store.fetch(&[words[0].id]).unwrap();
        assert_eq!(fetched[0].1, point(1, "the leverage ratio of the borrower").payload);
        assert!(store.search_words("the of", 10).unwrap().is_empty());
        let wider = Wording { text: "nothing known", wider: "leverage", wider_weight: 0.5 };
        let found = store.search_words(wider, 10).unwrap();
        assert_eq!(found[0].id, words[0].id, "what is only beside the query is found, too");
        assert!(found[0].score < words[0].score);
    }

    #[test]
    fn deleted_chunks_are_gone() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path());
        store.upsert((0..10).map(|seed| point(seed, "same words")).collect()).unwrap();
        store.delete(&[Uuid::from_bytes([3; 16]), Uuid::from_bytes([99; 16])]).unwrap();
        store.flush().unwrap();
        store.optimize().unwrap();
        assert_eq!(store.ids().unwrap().len(), 9);
        assert!(store.fetch(&[Uuid::from_bytes([3; 16])]).unwrap().is_empty());
        assert_eq!(store.search_words("words", 100).unwrap().len(), 9);
    }

    /// `count` chunks with unit vectors of 64 dimensions in all directions.
    fn scattered(from: usize, count: usize) -> Vec<NewPoint> {
        let mut random = Random::new(from as u64);
        let points = (from..from + count).map(|number| {
            let mut dense: Vec<f32> = (0..64).map(|_| random.below(2001) as f32 / 1000.0 - 1.0).collect();
            normalize(&mut dense);
            NewPoint { id: Uuid::from_u128(number as u128), dense, ..point(0, "words") }
        });
        points.collect()
    }

    /// The ten nearest of `points` to `query`, nearest first, by looking at each.
    fn nearest(points: &[NewPoint], query: &[f32]) -> Vec<Uuid> {
        let mut scored: Vec<_> = points.iter().map(|point| (dot(&point.dense, query), point.id)).collect();
        scored.sort_by(|a, b| b.0.total_cmp(&a.0));
        scored[..10].iter().map(|&(_, id)| id).collect()
    }

    #[test]
    fn a_small_index_is_searched_exactly_and_a_larger_one_by_its_graph() {
        let folder = tempfile::tempdir().unwrap();
        let found = |store: &EdgeStore, query: &[f32]| -> Vec<Uuid> {
            store.search_dense(query, 10).unwrap().into_iter().map(|scored| scored.id).collect()
        };
        let store = EdgeStore::open(folder.path(), 64, StoreSettings::default()).unwrap();
        let queries: Vec<Vec<f32>> = scattered(10_000, 50).into_iter().map(|point| point.dense).collect();
        let mut points = scattered(0, 400);
        store.upsert(points.clone()).unwrap();
        store.optimize().unwrap();
        assert_eq!(store.shard.info().unwrap().indexed_vectors_count, 400, "their words alone are packed");
        drop(store);

        // Other settings count from the next time on. Room for 400 chunks of 256 bytes.
        let settings = StoreSettings { scan_kilobytes_max: 100, ..StoreSettings::default() };
        let store = EdgeStore::open(folder.path(), 64, settings).unwrap();
        store.optimize().unwrap();
        assert_eq!(store.shard.info().unwrap().indexed_vectors_count, 2 * 400, "packed");
        assert_eq!(store.info().unwrap().indexed_vectors, 0, "without a graph");
        for query in &queries {
            assert_eq!(found(&store, query), nearest(&points, query));
        }

        let more = scattered(400, 600);
        store.upsert(more.clone()).unwrap();
        points.extend(more);
        store.optimize().unwrap();
        assert_eq!(store.info().unwrap().indexed_vectors, 1000, "all are in a graph");
        let whole = queries.iter().flat_map(|query| {
            let found = found(&store, query);
            nearest(&points, query).into_iter().filter(move |id| found.contains(id))
        });
        assert!(whole.count() > 450, "a graph finds nine in ten at least");
        assert_eq!(store.ids().unwrap().len(), 1000);

        let gone: Vec<Uuid> = points[..900].iter().map(|point| point.id).collect();
        store.delete(&gone).unwrap();
        store.optimize().unwrap();
        assert_eq!(store.ids().unwrap().len(), 100);
        assert!(store.has_graph(), "one that shrinks keeps it");
        assert_eq!(found(&store, &queries[0]), nearest(&points[900..], &queries[0]));
    }

    #[test]
    fn another_width_is_a_mismatch_and_garbage_is_damage() {
        let folder = tempfile::tempdir().unwrap();
        drop(store(folder.path()));
        let other = EdgeStore::open(folder.path(), 8, StoreSettings::default()).unwrap_err();
        assert!(matches!(other, Error::IndexMismatch { .. }), "{other:?}");
        std::fs::write(folder.path().join("edge_config.json"), "{").unwrap();
        let damaged = EdgeStore::open(folder.path(), 4, StoreSettings::default()).unwrap_err();
        assert_eq!(damaged.exit_code(), 6, "{damaged:?}");
    }
}
