//! A judged collection in BEIR's layout in, figures for every stage of the search out.
//!
//! Each document is one passage: its title and text, cut to what the model reads. What was cut is counted.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::metrics::{interval, mean, ndcg, recall, reciprocal_rank};
use super::{EvalCache, EvalReport, read_data, read_json_lines, wrong};
use crate::data_folder::{database_path, store_path};
use crate::database::{ChunkRow, Database, FileEntry, FileRow, Terms};
use crate::error::{Error, Result};
use crate::inference::cross_encoder::Reader;
use crate::inference::embedder::{Embedder, Input, Role, Want};
use crate::late_interaction::pack;
use crate::retrieve::reading::{readings, reorder};
use crate::retrieve::{Fusion, Parts, Query, Ranked, RetrieveSettings, hits_of, rank};
use crate::store::{EdgeStore, IndexLock, NewPoint, Payload, StoreSettings};

/// How long to wait for another evaluation of the same collection.
const LOCK_WAIT: Duration = Duration::from_mins(30);

/// Passages embedded and stored together.
const WINDOW: usize = 256;

struct Passage {
    id: String,
    title: String,
    text: String,
}

struct Judged {
    passages: Vec<Passage>,
    queries: Vec<(String, String)>,
    relevant: HashMap<String, HashMap<String, f64>>,
}

/// A model that reads the first passages of each ranking.
#[derive(Debug)]
pub struct Reading<'a> {
    /// The model.
    pub reader: &'a Reader,
    /// To how many passages, each measured.
    pub depths: &'a [usize],
}

/// Measures dense, lexical, fused and reranked search on the collection in `folder` (`corpus.jsonl`, `queries.jsonl`,
/// `qrels/test.tsv`).
///
/// # Errors
/// [`Error::Usage`] when the folder is laid out otherwise; what model, store or database report.
pub fn evaluate_retrieval(
    folder: &Path,
    embedder: &Embedder,
    store_settings: &StoreSettings,
    settings: &RetrieveSettings,
    reading: Option<&Reading<'_>>,
    cache: &EvalCache,
    progress: &dyn Fn(usize, usize),
) -> Result<EvalReport> {
    let started = Instant::now();
    let judged = load(folder)?;
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let fingerprint = fingerprint(&judged, embedder, store_settings);
    let place = cache.place(&name, &fingerprint);
    std::fs::create_dir_all(&place).map_err(Error::io("create", &place))?;
    let _lock = IndexLock::take(&place, LOCK_WAIT)?;
    let (store, database, cut_tokens) = open_or_build(&place, &judged, embedder, store_settings, progress)?;
    let parts = Parts { store: &store, database: &database };
    let names: HashMap<Uuid, &str> =
        judged.passages.iter().map(|passage| (point_id(&passage.id), passage.id.as_str())).collect();
    let mut stages: BTreeMap<String, Vec<[f64; 3]>> = BTreeMap::new();
    let mut reading_ms: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
    for (id, query) in &judged.queries {
        let Some(relevant) = judged.relevant.get(id) else { continue };
        let Some(query) = Query::prepare(query, embedder, &database)? else { continue };
        let mut all = rankings(&query, parts, settings)?;
        if let Some(reading) = reading {
            all.extend(read(&query, parts, settings, (reading, &place), &mut reading_ms)?);
        }
        for (stage, ranking) in all {
            let ranking: Vec<&str> = ranking.iter().filter_map(|id| names.get(id).copied()).collect();
            stages.entry(stage).or_default().push([
                ndcg(&ranking, relevant, 10),
                recall(&ranking, relevant, 100),
                reciprocal_rank(&ranking, relevant, 10),
            ]);
        }
    }
    let mut report = EvalReport { task: "retrieval", dataset: name, ..EvalReport::default() };
    for (stage, rows) in &stages {
        for (column, measure) in ["ndcg@10", "recall@100", "mrr@10"].into_iter().enumerate() {
            let values: Vec<f64> = rows.iter().map(|row| row[column]).collect();
            let key = if stage.is_empty() { measure.to_string() } else { format!("{stage}.{measure}") };
            report.metrics.insert(key.clone(), mean(&values));
            report.intervals.insert(key, interval(&values));
        }
    }
    for (depth, times) in &reading_ms {
        report.metrics.insert(format!("read.{depth}.ms"), mean(times));
    }
    report.metrics.insert("queries".into(), stages.get("").map_or(0, Vec::len) as f64);
    report.metrics.insert("documents".into(), judged.passages.len() as f64);
    if cut_tokens > 0 {
        report.notes.push(format!("{cut_tokens} tokens of long documents were cut, as the model reads no more"));
    }
    report.settings = serde_json::json!({
        "model": embedder.manifest().name, "engine": embedder.engine(), "retrieve": settings, "store": store_settings,
    });
    report.seconds = started.elapsed().as_secs_f64();
    Ok(report)
}

/// The ranking of each stage; the default one has no name.
fn rankings(query: &Query, parts: Parts<'_>, settings: &RetrieveSettings) -> Result<Vec<(String, Vec<Uuid>)>> {
    let ids = |ranked: Vec<Ranked>| ranked.into_iter().map(|ranked| ranked.id).collect::<Vec<_>>();
    let only = |dense_weight| RetrieveSettings { dense_weight, rerank: 0, label_weight: 0.0, ..settings.clone() };
    let by_rank = RetrieveSettings { fusion: Fusion::Ranks, ..only(settings.dense_weight) };
    let depth = settings.candidates.max(100);
    let stages = vec![
        ("dense", parts.store.search_dense(&query.vector, depth)?.into_iter().map(|scored| scored.id).collect()),
        ("bm25", parts.store.search_words(query.text.as_str(), depth)?.into_iter().map(|scored| scored.id).collect()),
        ("ranks", ids(rank(query, parts, &by_rank)?)),
        ("fused", ids(rank(query, parts, &only(settings.dense_weight))?)),
        ("", ids(rank(query, parts, settings)?)),
    ];
    Ok(stages.into_iter().map(|(stage, ranking)| (stage.to_owned(), ranking)).collect())
}

/// The rankings after a model has read the first passages, to each of the depths, by the weight of the settings.
fn read(
    query: &Query,
    parts: Parts<'_>,
    settings: &RetrieveSettings,
    (reading, place): (&Reading<'_>, &Path),
    times: &mut BTreeMap<usize, Vec<f64>>,
) -> Result<Vec<(String, Vec<Uuid>)>> {
    let mut ranked = rank(query, parts, settings)?;
    ranked.truncate(settings.candidates.max(100));
    let hits = hits_of(ranked, parts.store, place)?;
    let mut rankings = Vec::with_capacity(reading.depths.len());
    for &depth in reading.depths {
        let started = Instant::now();
        let found = readings(&query.text, &hits, depth, reading.reader)?;
        times.entry(depth).or_default().push(started.elapsed().as_secs_f64() * 1000.0);
        let mut hits = hits.clone();
        reorder(&mut hits, &found, settings.read_weight);
        rankings.push((format!("read.{depth}"), hits.into_iter().map(|hit| hit.chunk).collect()));
    }
    Ok(rankings)
}

fn load(folder: &Path) -> Result<Judged> {
    let corpus = folder.join("corpus.jsonl");
    let text = |value: &serde_json::Value, key: &str| value[key].as_str().unwrap_or_default().to_string();
    let passages: Vec<Passage> = read_json_lines(&corpus)?
        .iter()
        .map(|value| Passage { id: text(value, "_id"), title: text(value, "title"), text: text(value, "text") })
        .collect();
    if passages.iter().any(|passage| passage.id.is_empty()) {
        return Err(wrong(&corpus, "every line needs an _id"));
    }
    let queries = read_json_lines(&folder.join("queries.jsonl"))?
        .iter()
        .map(|value| (text(value, "_id"), text(value, "text")))
        .collect();
    let path = folder.join("qrels").join("test.tsv");
    let mut relevant: HashMap<String, HashMap<String, f64>> = HashMap::new();
    for (index, line) in read_data(&path)?.lines().enumerate().skip(1).filter(|(_, line)| !line.trim().is_empty()) {
        let mut cells = line.split('\t');
        let (Some(query), Some(document), Some(grade)) = (cells.next(), cells.next(), cells.next()) else {
            return Err(wrong(&path, &format!("line {} has not three columns", index + 1)));
        };
        let grade: f64 = grade.trim().parse().map_err(|_| wrong(&path, &format!("line {}: no grade", index + 1)))?;
        relevant.entry(query.into()).or_default().insert(document.into(), grade);
    }
    Ok(Judged { passages, queries, relevant })
}

fn point_id(id: &str) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, id.as_bytes())
}

fn fingerprint(judged: &Judged, embedder: &Embedder, settings: &StoreSettings) -> String {
    use sha2::{Digest, Sha256};
    let mut hash = Sha256::new();
    for passage in &judged.passages {
        for part in [&passage.id, &passage.title, &passage.text] {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
    }
    let digest: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    let (manifest, width) = (embedder.manifest(), embedder.dimensions());
    let cut = if manifest.dimensions == Some(width) { String::new() } else { format!("/{width}") };
    format!(
        "{digest} {} {}{cut} {} {settings:?} {}",
        manifest.name,
        manifest.revision,
        embedder.engine().precision.name(),
        crate::late_interaction::VERSION
    )
}

/// The index of the collection, built unless an earlier run left a whole one.
fn open_or_build(
    place: &Path,
    judged: &Judged,
    embedder: &Embedder,
    settings: &StoreSettings,
    progress: &dyn Fn(usize, usize),
) -> Result<(EdgeStore, Database, u64)> {
    let built = Database::open(&database_path(place))?.meta("cut_tokens")?;
    if let Some(cut_tokens) = built.and_then(|text| text.parse().ok()) {
        let store = EdgeStore::open(&store_path(place), embedder.dimensions(), settings.clone())?;
        return Ok((store, Database::open(&database_path(place))?, cut_tokens));
    }
    // What an interrupted run left is thrown away, but for the lock that is held.
    let database = database_path(place);
    let beside = ["db-wal", "db-shm"].map(|extension| database.with_extension(extension));
    for left in [store_path(place), database].into_iter().chain(beside) {
        let removed = if left.is_dir() { std::fs::remove_dir_all(&left) } else { std::fs::remove_file(&left) };
        if let Err(source) = removed
            && source.kind() != std::io::ErrorKind::NotFound
        {
            return Err(Error::io("clear", &left)(source));
        }
    }
    let mut database = Database::open(&database_path(place))?;
    let store = EdgeStore::open(&store_path(place), embedder.dimensions(), settings.clone())?;
    let mut cut_tokens = 0;
    for (window, passages) in judged.passages.chunks(WINDOW).enumerate() {
        cut_tokens += store_window(passages, embedder, &store, &mut database)?;
        progress((window * WINDOW + passages.len()).min(judged.passages.len()), judged.passages.len());
    }
    store.flush()?;
    store.optimize()?;
    store.flush()?;
    database.set_meta("cut_tokens", &cut_tokens.to_string())?;
    Ok((store, database, cut_tokens))
}

/// Embeds and stores passages; the tokens that were cut.
fn store_window(passages: &[Passage], embedder: &Embedder, store: &EdgeStore, database: &mut Database) -> Result<u64> {
    let texts: Vec<String> = passages.iter().map(|passage| format!("{} {}", passage.title, passage.text)).collect();
    let inputs: Vec<Input> = texts.iter().map(|text| embedder.tokenize(text, Role::Passage)).collect::<Result<_>>()?;
    let encoded = embedder.encode(&inputs, Want::VectorAndTokens)?;
    let width = embedder.dimensions();
    let content = embedder.content_tokens();
    let mut points = Vec::with_capacity(passages.len());
    let mut entries = Vec::with_capacity(passages.len());
    for (((passage, text), input), encoded) in passages.iter().zip(&texts).zip(&inputs).zip(encoded) {
        let own = input.own();
        let vectors = &encoded.tokens[own.start * width..own.end * width];
        let codes = pack(vectors, width, |index| content.contains(input.ids[own.start + index]));
        let mut terms = Terms::new();
        for token in input.ids[own.clone()].iter().collect::<BTreeSet<_>>() {
            terms.insert(*token, 1);
        }
        let id = point_id(&passage.id);
        points.push(NewPoint {
            id,
            dense: encoded.vector,
            words: text.clone(),
            payload: Payload {
                path: passage.id.clone(),
                document: String::new(),
                title: None,
                page: None,
                start: 0,
                end: text.len(),
                heading: Vec::new(),
                text: text.clone(),
                tables: Vec::new(),
            },
        });
        entries.push(FileEntry {
            row: FileRow {
                path: passage.id.clone(),
                bytes: text.len() as u64,
                tokens: input.ids.len() as u64,
                cut_tokens: input.cut as u64,
                ..FileRow::default()
            },
            chunks: vec![ChunkRow { point: id, codes }],
            terms,
            ..FileEntry::default()
        });
    }
    store.upsert(points)?;
    database.commit_files(&entries, &[])?;
    Ok(inputs.iter().map(|input| input.cut as u64).sum())
}
