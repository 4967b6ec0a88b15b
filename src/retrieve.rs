//! A query in, ranked hits out: dense and lexical candidates, fused scores, the documents' labels, and a MaxSim rerank.
//!
//! Scores are fused, not ranks: what the scores say about each other would be lost. All weights are settings.

mod labels;
pub mod reading;
mod scores;
mod spelling;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use tracing::{debug_span, dispatcher, instrument};
use uuid::Uuid;

use crate::answer::{Hit, Scores};
use crate::database::Database;
use crate::document::ByteSpan;
use crate::error::{Error, Result};
use crate::inference::cross_encoder::Readers;
use crate::inference::embedder::{Embedder, Input, Role, Want};
use crate::language::{ENGLISH, of_question};
use crate::late_interaction::{QueryTokens, packed_bytes};
use crate::lexicon::{Lexicon, LexiconSettings};
use crate::services::{Index, OpenSettings, Opening, as_served, open_embedder};
use crate::store::{EdgeStore, Payload, Scored, Wording};

use labels::label_scores;
use reading::{readings, reorder};
use scores::{fuse, idf, min_max};

/// How dense and lexical scores become one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Fusion {
    /// Each list scaled to 0 to 1 over the candidates, then weighted.
    #[default]
    MinMax,
    /// Reciprocal rank fusion (Cormack et al. 2009).
    Ranks,
}

/// How searching works.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetrieveSettings {
    /// Hits returned; at least 1.
    pub top_k: usize,
    /// Candidates taken from each of the dense and the lexical search; 1 to 100,000.
    pub candidates: usize,
    /// How the two become one.
    pub fusion: Fusion,
    /// Weight of the dense score, 0 to 1; the lexical one has the rest.
    pub dense_weight: f32,
    /// The constant of reciprocal rank fusion; 0 or more.
    pub rank_constant: f32,
    /// Weight of the document's label, added to the passage's own score; 0 or more, and 0 leaves labels out.
    pub label_weight: f32,
    /// Best candidates that MaxSim looks at; 0 leaves it out.
    pub rerank: usize,
    /// Weight of MaxSim against the fused score, 0 to 1.
    pub rerank_weight: f32,
    /// Best passages that a model reads beside the query where that is asked for, 0 to 100; 0 reads none.
    pub read: usize,
    /// Weight of the reading against the score, 0 to 1.
    pub read_weight: f32,
    /// Longest query, in characters; at least 1.
    pub query_chars_max: usize,
    /// Whether misspelt words of a query are put right by the words of the index.
    pub correct: bool,
    /// What numeric questions are widened with; the settings' own section.
    #[serde(skip)]
    pub lexicon: LexiconSettings,
}

impl Default for RetrieveSettings {
    fn default() -> Self {
        Self {
            top_k: 10,
            candidates: 100,
            fusion: Fusion::MinMax,
            dense_weight: 0.45,
            rank_constant: 60.0,
            label_weight: 0.5,
            rerank: 200,
            rerank_weight: 0.3,
            read: 0,
            read_weight: 0.3,
            query_chars_max: 10_000,
            correct: true,
            lexicon: LexiconSettings::default(),
        }
    }
}

/// A candidate with the parts of its score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ranked {
    /// The chunk.
    pub id: Uuid,
    /// What the order goes by, 0 to 1.
    pub score: f32,
    /// Its parts.
    pub scores: Scores,
}

/// What a search gave.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// Best first.
    pub hits: Vec<Hit>,
    /// The query as it was searched; none when it has no token.
    pub query: Option<Query>,
    /// The query with its misspelt words put right, where there were some.
    pub corrected: Option<String>,
    /// Milliseconds from query to hits.
    pub took_ms: f64,
}

/// An opened index with the embedder that it was made with.
#[derive(Debug)]
pub struct Searcher {
    index: Index,
    embedder: Arc<Embedder>,
    settings: RetrieveSettings,
    lexicon: Lexicon,
}

impl Searcher {
    /// Opens what the settings name; model and index are opened side by side. An index of another model is searched with that.
    ///
    /// # Errors
    /// What opening the model or the index reports.
    ///
    /// # Panics
    /// When opening the model panicked.
    pub fn open(settings: &OpenSettings, retrieve: &RetrieveSettings) -> Result<Self> {
        match Self::open_as(settings, retrieve) {
            // Until an index of the new model is whole, the old one is searched with the old.
            Err(Error::IndexMismatch { .. }) => Self::open_as(&as_served(settings)?, retrieve),
            opened => opened,
        }
    }

    fn open_as(settings: &OpenSettings, retrieve: &RetrieveSettings) -> Result<Self> {
        let manifest = crate::inference::manifest::find(&settings.embed.model, None)?;
        let (embedder, index) = std::thread::scope(|scope| {
            let embedder = scope.spawn(|| open_embedder(&settings.embed));
            let index = Index::open(settings, &manifest, Opening::Existing);
            (embedder.join().expect("opening the model does not panic"), index)
        });
        let lexicon = Lexicon::open(&retrieve.lexicon)?;
        Ok(Self { index: index?, embedder: Arc::new(embedder?), settings: retrieve.clone(), lexicon })
    }

    /// Opens the index that the settings name, with a model that is open already.
    ///
    /// # Errors
    /// What opening the index reports.
    pub fn open_with(embedder: Arc<Embedder>, settings: &OpenSettings, retrieve: &RetrieveSettings) -> Result<Self> {
        // The model may have been opened for an index whose vectors have another width than the settings say.
        let mut settings = settings.clone();
        settings.embed.dimensions = Some(embedder.dimensions());
        let index = Index::open(&settings, embedder.manifest(), Opening::Existing)?;
        let lexicon = Lexicon::open(&retrieve.lexicon)?;
        Ok(Self { index, embedder, settings: retrieve.clone(), lexicon })
    }

    /// The `top_k` passages that fit `query` best.
    ///
    /// # Errors
    /// What model, store or database report.
    pub fn search(&self, query: &str, top_k: usize) -> Result<Found> {
        let started = Instant::now();
        let parts = Parts { store: &self.index.store, database: &self.index.database };
        let corrected = self.corrected(query)?;
        let query = corrected.as_deref().unwrap_or(query);
        let Some(mut query) = Query::prepare(query, &self.embedder, parts.database)? else {
            return Ok(Found::default());
        };
        query.wider = self.lexicon.widened(&query.text);
        let mut ranked = rank(&query, parts, &self.settings)?;
        ranked.truncate(top_k);
        let hits = hits_of(ranked, &self.index.store, &self.index.home)?;
        Ok(Found { hits, query: Some(query), corrected, took_ms: started.elapsed().as_secs_f64() * 1000.0 })
    }

    /// The question with its misspelt words put right by the words of the index; `None` where no word changes. A word that the embedder or
    /// the lexicon knows stays as it is.
    ///
    /// # Errors
    /// What tokenizer or database report.
    #[instrument(name = "spelling", level = "debug", skip_all)]
    pub fn corrected(&self, question: &str) -> Result<Option<String>> {
        // Words are compared as English ones are built.
        let is_foreign = of_question(question).is_some_and(|language| language != ENGLISH);
        if !self.settings.correct || is_foreign {
            return Ok(None);
        }
        // A whole word of the vocabulary is a common one; others are written in pieces.
        let is_known =
            |word: &str| Ok(self.lexicon.has_word(word) || self.embedder.tokenizer().encode(word)?.ids.len() <= 1);
        spelling::corrected(question, &self.index.database, is_known)
    }

    /// The passages that fit `query` best, at most `top_k`, the first `read` passages (see [`RetrieveSettings`]) ordered anew by a model that
    /// reads them beside it; as [`Self::search`] where there is no reader.
    ///
    /// # Errors
    /// As [`Self::search`]; what the reader reports.
    pub fn search_and_read(&self, query: &str, top_k: usize, readers: &Readers) -> Result<Found> {
        let depth = self.settings.read;
        let Ok(reader) = readers.reader() else { return self.search(query, top_k) };
        if depth == 0 {
            return self.search(query, top_k);
        }
        let started = Instant::now();
        let mut found = self.search(query, top_k.max(depth))?;
        let asked = found.query.as_ref().map_or(query, |query| query.text.as_str());
        let readings = debug_span!("read").in_scope(|| readings(asked, &found.hits, depth, reader))?;
        reorder(&mut found.hits, &readings, self.settings.read_weight);
        found.hits.truncate(top_k);
        found.took_ms = started.elapsed().as_secs_f64() * 1000.0;
        Ok(found)
    }

    /// All passages of the document at `path` in the order of its text, without rank and score; none when there are more than `most`.
    ///
    /// # Errors
    /// What store or database report.
    pub fn passages_of(&self, path: &str, most: usize) -> Result<Vec<Hit>> {
        let ids = self.index.database.points_of(path)?;
        if ids.len() > most {
            return Ok(Vec::new());
        }
        let fetched = self.index.store.fetch(&ids)?;
        let mut hits: Vec<Hit> = fetched.into_iter().map(|(id, payload)| unranked(id, payload)).collect();
        hits.sort_by_key(|hit| (hit.start, hit.end));
        Ok(hits)
    }

    /// How near each sentence is to the query, as the rerank measures passages: from the stored token vectors, which know
    /// the sentence's surroundings, so that nothing is encoded. `sentences` are numbers of hits and spans in their texts.
    ///
    /// # Errors
    /// What tokenizer or database report.
    pub fn sentence_similarities(
        &self,
        query: &Query,
        hits: &[Hit],
        sentences: &[(usize, ByteSpan)],
    ) -> Result<Vec<f32>> {
        let packed = self.index.database.codes(&hits.iter().map(|hit| hit.chunk).collect::<Vec<_>>())?;
        let content = self.embedder.content_tokens();
        let bytes = packed_bytes(self.embedder.dimensions());
        let mut kept = Vec::with_capacity(hits.len());
        for hit in hits {
            let tokens = self.embedder.tokenizer().encode(&hit.text)?;
            let pairs = tokens.ids.iter().zip(&tokens.spans);
            kept.push(pairs.filter(|(id, _)| content.contains(**id)).map(|(_, span)| span.start).collect::<Vec<_>>());
        }
        let similarity = |&(hit, span): &(usize, ByteSpan)| {
            let codes = packed.get(&hits[hit].chunk).map_or(&[][..], Vec::as_slice);
            let starts = &kept[hit];
            let from = starts.partition_point(|start| *start < span.start);
            let to = starts.partition_point(|start| *start < span.end);
            // Tokens that were cut from the model's input have no vectors.
            codes.get(from * bytes..(to * bytes).min(codes.len())).map_or(0.0, |own| query.tokens.max_sim(own))
        };
        Ok(sentences.iter().map(similarity).collect())
    }

    /// Ends the searching in a process that is about to end, and leaves the index in the system's cache for the next one.
    pub fn leave(self) {
        self.index.leave();
    }

    /// The embedder.
    pub fn embedder(&self) -> &Arc<Embedder> {
        &self.embedder
    }

    /// The words of the field.
    pub fn lexicon(&self) -> &Lexicon {
        &self.lexicon
    }

    /// How it searches.
    pub fn settings(&self) -> &RetrieveSettings {
        &self.settings
    }

    /// The database of the index, for the record of runs.
    pub fn database(&self) -> &Database {
        &self.index.database
    }

    /// Chunks in the index.
    ///
    /// # Errors
    /// [`Error::Database`] when the query fails.
    pub fn chunk_count(&self) -> Result<u64> {
        self.index.database.chunk_count()
    }
}

/// Ranked chunks as hits, with what is stored of them in the index at `home`.
pub(crate) fn hits_of(ranked: Vec<Ranked>, store: &EdgeStore, home: &Path) -> Result<Vec<Hit>> {
    let ids: Vec<Uuid> = ranked.iter().map(|ranked| ranked.id).collect();
    let fetched = debug_span!("payloads").in_scope(|| store.fetch(&ids))?;
    let mut payloads: HashMap<Uuid, _> = fetched.into_iter().collect();
    let mut hits = Vec::with_capacity(ranked.len());
    for Ranked { id, score, scores } in ranked {
        let Some(payload) = payloads.remove(&id) else {
            return Err(Error::IndexDamaged {
                path: home.to_path_buf(),
                reason: format!("chunk {id} is in the manifest but not in the vector store"),
                source: None,
            });
        };
        hits.push(Hit { rank: hits.len() + 1, score, scores, ..unranked(id, payload) });
    }
    Ok(hits)
}

/// A stored chunk as a hit that no search has ranked.
fn unranked(chunk: Uuid, payload: Payload) -> Hit {
    Hit {
        chunk,
        rank: 0,
        score: 0.0,
        path: payload.path,
        document: payload.document,
        page: payload.page,
        start: payload.start,
        end: payload.end,
        heading: payload.heading,
        text: payload.text,
        title: payload.title,
        tables: payload.tables,
        scores: Scores::default(),
    }
}

/// What ranking works on.
#[derive(Debug, Clone, Copy)]
pub struct Parts<'a> {
    /// The vectors.
    pub store: &'a EdgeStore,
    /// Token counts, packed token vectors, labels.
    pub database: &'a Database,
}

/// A query as the stages need it.
#[derive(Debug, Clone)]
pub struct Query {
    /// As asked.
    pub text: String,
    /// Words of the field to look for beside its own.
    pub wider: Option<String>,
    /// Its unit vector.
    pub vector: Vec<f32>,
    /// Its token vectors, each weighted by how rare its token is among the chunks.
    pub tokens: QueryTokens,
}

impl Query {
    /// Prepares `text`; `None` when it has no token.
    ///
    /// # Errors
    /// What model or database report.
    pub fn prepare(text: &str, embedder: &Embedder, database: &Database) -> Result<Option<Self>> {
        let input = debug_span!("tokenize").in_scope(|| embedder.tokenize(text, Role::Query))?;
        if input.own().is_empty() {
            return Ok(None);
        }
        let inputs = std::slice::from_ref(&input);
        let encoded = debug_span!("encode").in_scope(|| embedder.encode(inputs, Want::VectorAndTokens))?.remove(0);
        let tokens = query_tokens(&input, &encoded.tokens, embedder, database)?;
        Ok(Some(Self { text: text.into(), wider: None, vector: encoded.vector, tokens }))
    }
}

/// All candidates for `query`, best first: those of the dense and the lexical search, fused, moved by their documents'
/// labels, the best of them reranked.
///
/// # Errors
/// What store or database report.
///
/// # Panics
/// When scoring does.
pub fn rank(query: &Query, parts: Parts<'_>, settings: &RetrieveSettings) -> Result<Vec<Ranked>> {
    let Parts { store, database } = parts;
    let wording = wording(query, settings);
    let mut candidates = search_both(query, wording, store, settings.candidates)?;
    let ids = ids_of(&candidates);
    let (missing, known) = std::thread::scope(|scope| {
        let missing = scope.spawn(observed(|| missing_scores(&candidates, query, wording, store)));
        // Where all of them are reranked, the token vectors need not wait for the order.
        let known = if settings.rerank >= ids.len() {
            compared(&ids, &query.tokens, database)
        } else {
            debug_span!("files").in_scope(|| database.files_of(&ids)).map(|files| (files, HashMap::new()))
        };
        (missing.join().expect("scoring does not panic"), known)
    });
    let missing = missing?;
    let (files, mut similarities) = known?;
    // A point that the manifest does not know is a leftover of an interrupted run.
    candidates.retain(|candidate| files.contains_key(&candidate.id));
    complete(&mut candidates, &missing);
    fuse(&mut candidates, settings);
    let labels = label_scores(&query.text, &files, database, settings)?;
    let label_of = |id: Uuid| labels.get(&files[&id]).copied().unwrap_or_default() * settings.label_weight;
    let by_score = |a: &Ranked, b: &Ranked| b.score.total_cmp(&a.score).then(a.id.cmp(&b.id));
    for candidate in &mut candidates {
        candidate.score = candidate.scores.fused + label_of(candidate.id);
    }
    candidates.sort_by(by_score);
    let depth = settings.rerank.min(candidates.len());
    if depth > 0 {
        let (head, tail) = candidates.split_at_mut(depth);
        if similarities.is_empty() {
            similarities = compared(&ids_of(head), &query.tokens, database)?.1;
        }
        rerank(head, &similarities, settings.rerank_weight);
        for candidate in head.iter_mut() {
            candidate.score += label_of(candidate.id);
        }
        head.sort_by(by_score);
        // What was not reranked stays below what was.
        let floor = head.last().map_or(0.0, |last| last.score);
        tail.iter_mut().for_each(|candidate| candidate.score = candidate.score.min(floor));
    }
    let scale = 1.0 + if labels.is_empty() { 0.0 } else { settings.label_weight };
    candidates.iter_mut().for_each(|candidate| candidate.score /= scale);
    Ok(candidates)
}

/// The union of both lists.
fn gather(dense: Vec<Scored>, words: Vec<Scored>) -> Vec<Ranked> {
    let mut all: HashMap<Uuid, Scores> = HashMap::with_capacity(dense.len() + words.len());
    for Scored { id, score } in dense {
        all.entry(id).or_default().dense = Some(score);
    }
    for Scored { id, score } in words {
        all.entry(id).or_default().bm25 = Some(score);
    }
    let mut candidates: Vec<Ranked> = all.into_iter().map(|(id, scores)| Ranked { id, score: 0.0, scores }).collect();
    candidates.sort_by_key(|candidate| candidate.id);
    candidates
}

fn ids_of(candidates: &[Ranked]) -> Vec<Uuid> {
    candidates.iter().map(|candidate| candidate.id).collect()
}

/// What lexical search looks for.
fn wording<'a>(query: &'a Query, settings: &RetrieveSettings) -> Wording<'a> {
    let wider = query.wider.as_deref().unwrap_or_default();
    Wording { text: &query.text, wider, wider_weight: settings.lexicon.weight }
}

/// The candidates of both searches, which run side by side.
fn search_both(query: &Query, wording: Wording<'_>, store: &EdgeStore, limit: usize) -> Result<Vec<Ranked>> {
    let (dense, words) = std::thread::scope(|scope| {
        let by_words = || debug_span!("words").in_scope(|| store.search_words(wording, limit));
        let words = scope.spawn(observed(by_words));
        let dense = debug_span!("dense").in_scope(|| store.search_dense(&query.vector, limit));
        (dense, words.join().expect("searching does not panic"))
    });
    Ok(gather(dense?, words?))
}

/// `work` for another thread, where whoever hears of the spans of this one hears of its spans too.
fn observed<T>(work: impl FnOnce() -> T) -> impl FnOnce() -> T {
    let (listener, span) = (dispatcher::get_default(Clone::clone), tracing::Span::current());
    move || dispatcher::with_default(&listener, || span.in_scope(work))
}

/// Scores of candidates that one of the searches did not return.
#[derive(Debug, Default)]
struct Missing {
    dense: HashMap<Uuid, f32>,
    words: HashMap<Uuid, f32>,
}

/// What [`complete`] needs.
#[instrument(name = "complete", level = "debug", skip_all)]
fn missing_scores(candidates: &[Ranked], query: &Query, wording: Wording<'_>, store: &EdgeStore) -> Result<Missing> {
    let without = |part: fn(&Scores) -> Option<f32>| -> Vec<Uuid> {
        candidates.iter().filter(|candidate| part(&candidate.scores).is_none()).map(|candidate| candidate.id).collect()
    };
    let by_id = |scored: Vec<Scored>| scored.into_iter().map(|scored| (scored.id, scored.score)).collect();
    let dense = store.score_dense(&query.vector, &without(|scores| scores.dense))?;
    let words = store.score_words(wording, &without(|scores| scores.bm25))?;
    Ok(Missing { dense: by_id(dense), words: by_id(words) })
}

/// Gives what only one of the searches returned the other score too. A candidate without any of the query's words has a
/// BM25 of 0.
fn complete(candidates: &mut [Ranked], missing: &Missing) {
    for candidate in candidates {
        let id = candidate.id;
        let scores = &mut candidate.scores;
        scores.dense = scores.dense.or_else(|| missing.dense.get(&id).copied());
        scores.bm25 = scores.bm25.or_else(|| Some(missing.words.get(&id).copied().unwrap_or_default()));
    }
}

/// The vectors of the query's own tokens, each weighted by how rare its token is among the chunks.
#[instrument(name = "weights", level = "debug", skip_all)]
fn query_tokens(input: &Input, vectors: &[f32], embedder: &Embedder, database: &Database) -> Result<QueryTokens> {
    let (width, own) = (embedder.dimensions(), input.own());
    let (vectors, own) = (&vectors[own.start * width..own.end * width], &input.ids[own]);
    let chunks = database.chunk_count()?;
    let weights: Vec<f32> = database.term_counts(own)?.into_iter().map(|count| idf(count, chunks)).collect();
    Ok(QueryTokens::new(vectors, width, &weights))
}

/// The file of each chunk, and MaxSim of the query's tokens over the chunk's; chunks that are not part of the index are
/// missing from both.
#[instrument(name = "codes", level = "debug", skip_all)]
fn compared(
    ids: &[Uuid],
    tokens: &QueryTokens,
    database: &Database,
) -> Result<(HashMap<Uuid, i64>, HashMap<Uuid, f32>)> {
    let max_sim = debug_span!("max_sim");
    let (mut files, mut similarities) = (HashMap::with_capacity(ids.len()), HashMap::with_capacity(ids.len()));
    database.each_chunk(ids, |index, file, codes| {
        files.insert(ids[index], file);
        similarities.insert(ids[index], max_sim.in_scope(|| tokens.max_sim(codes)));
    })?;
    Ok((files, similarities))
}

fn rerank(candidates: &mut [Ranked], compared: &HashMap<Uuid, f32>, weight: f32) {
    let similarities: Vec<f32> =
        candidates.iter().map(|candidate| compared.get(&candidate.id).copied().unwrap_or_default()).collect();
    for ((candidate, similarity), scaled) in candidates.iter_mut().zip(&similarities).zip(min_max(&similarities)) {
        candidate.scores.maxsim = Some(*similarity);
        candidate.score = (1.0 - weight) * candidate.scores.fused + weight * scaled;
    }
}
