//! `rerank`: hits and a query in, the hits in a better order out.
//!
//! ```toml
//! [[step]]
//! id = "rerank"
//! kind = "rerank"
//! needs = ["retrieve"]
//! query = "{{ input.question }}"
//! hits = "retrieve.hits"
//! top_k = 10
//! ```

use std::collections::{BTreeSet, HashMap};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::passages::{Passage, output, passages, recorded};
use super::retrieve::{HitsOutput, TopK, ranked, top_k};
use crate::answer::Hit;
use crate::document::ByteSpan;
use crate::retrieve::Query;
use crate::workflow::context::{Call, Effect, Reserve, StepContext};
use crate::workflow::event::{CallKind, Spent};
use crate::workflow::expression::{Expression, Template};
use crate::workflow::failure::Failure;

/// What a file says about a `rerank` step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rerank {
    /// What the hits shall answer.
    pub query: Template,
    /// A list of hits.
    pub hits: Expression,
    /// Hits given at most.
    #[serde(default = "top_k")]
    pub top_k: TopK,
    /// Hits of one document at most; 0 for no bound. Keeps one long document from crowding out the others.
    #[serde(default)]
    pub per_document_max: usize,
}

/// Weight of the likeness to this step's query against the score that a hit came with, which was made for another query or
/// among the passages of another collection and so says less.
const LIKENESS_WEIGHT: f32 = 0.7;

impl Rerank {
    /// Orders the hits by how well they fit the query. Hits that one search of one collection found for this very query are in
    /// that order already; for others, the MaxSim of query and passage is what makes their scores comparable.
    pub(crate) fn run(&self, cx: &mut StepContext<'_>) -> Result<Value, Failure> {
        let query = cx.text(&self.query)?;
        let mut found = passages(&cx.value(&self.hits)?, &self.hits.0)?;
        let top_k = self.top_k.number(cx)?;
        cx.input(
            json!({ "query": query, "hits": found.len(), "top_k": top_k, "per_document_max": self.per_document_max }),
        );
        let collections: BTreeSet<String> = found.iter().map(|passage| passage.collection.clone()).collect();
        let is_ordered = collections.len() <= 1 && found.iter().all(|passage| passage.query.as_deref() == Some(&query));
        if !is_ordered {
            score(cx, &query, &collections, &mut found)?;
            found.sort_by(|a, b| b.hit.score.total_cmp(&a.hit.score));
        }
        if self.per_document_max > 0 {
            let mut counts: HashMap<String, usize> = HashMap::new();
            found.retain(|passage| {
                let count = counts.entry(passage.hit.path.clone()).or_default();
                *count += 1;
                *count <= self.per_document_max
            });
        }
        found.truncate(top_k);
        ranked(&mut found);
        Ok(output(&HitsOutput { queries: vec![query], hits: found.iter().map(Passage::value).collect() }))
    }
}

/// Gives each passage the weighted mean of its old score and its likeness to `query`, scaled to 0 to 1 over all of them.
fn score(
    cx: &mut StepContext<'_>,
    query: &str,
    collections: &BTreeSet<String>,
    found: &mut [Passage],
) -> Result<(), Failure> {
    let services = cx.services;
    let mut likeness = vec![0.0_f32; found.len()];
    for collection in collections {
        let own: Vec<usize> = (0..found.len()).filter(|at| found[*at].collection == *collection).collect();
        let hits: Vec<Hit> = own.iter().map(|at| found[*at].hit.clone()).collect();
        let call = Call {
            kind: CallKind::Retrieval,
            name: collection.clone(),
            request: json!({ "rerank": query, "chunks": hits.iter().map(|hit| hit.chunk).collect::<Vec<_>>() }),
            reserve: Reserve::default(),
            effect: Effect::None,
        };
        let response = cx.call(call, &mut |_| {
            let values = services.collections().with(collection, |searcher| {
                let Some(query) = Query::prepare(query, searcher.embedder(), searcher.database())? else {
                    return Ok(vec![0.0; hits.len()]);
                };
                let whole = |(at, hit): (usize, &Hit)| (at, ByteSpan::new(0, hit.text.len()));
                let places: Vec<_> = hits.iter().enumerate().map(whole).collect();
                searcher.sentence_similarities(&query, &hits, &places)
            })?;
            Ok((json!(values), Spent::default()))
        })?;
        let values: Vec<f32> = recorded(response, "a rerank")?;
        for (at, value) in own.into_iter().zip(values) {
            likeness[at] = value;
        }
    }
    let least = likeness.iter().copied().fold(f32::INFINITY, f32::min);
    let range = likeness.iter().copied().fold(f32::NEG_INFINITY, f32::max) - least;
    for (passage, value) in found.iter_mut().zip(likeness) {
        let scaled = if range > 0.0 { (value - least) / range } else { 0.0 };
        passage.hit.scores.maxsim = Some(value);
        passage.hit.score = (1.0 - LIKENESS_WEIGHT) * passage.hit.score + LIKENESS_WEIGHT * scaled;
    }
    Ok(())
}
