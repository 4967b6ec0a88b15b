//! `retrieve`: one or several queries in, ranked hits out.
//!
//! ```toml
//! [[step]]
//! id = "retrieve"
//! kind = "retrieve"
//! query = "{{ input.question }}"
//! top_k = 20
//! ```

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::passages::{Passage, kind, output, recorded, texts};
use crate::answer::Hit;
use crate::collections::DEFAULT;
use crate::workflow::context::{Call, Effect, Reserve, StepContext};
use crate::workflow::event::{CallKind, Spent};
use crate::workflow::expression::{Expression, Template};
use crate::workflow::failure::{Failure, FailureClass};

/// What a file says about a `retrieve` step; exactly one of `query` and `queries`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Retrieve {
    /// The query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<Template>,
    /// A list of queries; the hits of all are merged, each kept with its best score.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queries: Option<Expression>,
    /// A list of collection names; the default collection when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collections: Option<Expression>,
    /// Hits given at most, a number or an expression.
    #[serde(default = "top_k")]
    pub top_k: TopK,
    /// Whether a model reads the first passages beside the query (setting `retrieve.read`) and so changes their order.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub read: bool,
}

/// A number, or an expression that gives one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum TopK {
    /// This many.
    Number(usize),
    /// As many as this gives, such as `10 * visit`.
    Expression(Expression),
}

pub(super) fn top_k() -> TopK {
    TopK::Number(10)
}

/// What a `retrieve` or `rerank` step gives: `hits` in the form of `ibid.hits/1`, best first, each with `collection` added.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HitsOutput {
    /// The queries as they were searched.
    pub queries: Vec<String>,
    /// The hits.
    pub hits: Vec<serde_json::Value>,
}

/// Hits that one step may ask for.
const TOP_K_MAX: usize = 1_000;

impl TopK {
    /// The number.
    ///
    /// # Errors
    /// [`FailureClass::Expression`] when it is no whole number from 1 to 1,000.
    pub(super) fn number(&self, cx: &StepContext<'_>) -> Result<usize, Failure> {
        let (number, said) = match self {
            Self::Number(number) => (Some(*number), number.to_string()),
            Self::Expression(expression) => {
                let value = cx.value(expression)?;
                let number = value.as_u64().or_else(|| value.as_f64().filter(|n| n.fract() == 0.0).map(|n| n as u64));
                (number.map(|number| number as usize), value.to_string())
            }
        };
        number.filter(|number| (1..=TOP_K_MAX).contains(number)).ok_or_else(|| {
            let message = format!("`top_k` is {said}; it is a whole number from 1 to {TOP_K_MAX}");
            Failure::new(FailureClass::Expression, message)
        })
    }
}

impl Retrieve {
    /// Searches every collection for every query; the hits of all are merged, each once, with its best score.
    pub(crate) fn run(&self, cx: &mut StepContext<'_>) -> Result<Value, Failure> {
        let queries = match (&self.query, &self.queries) {
            (Some(query), None) => vec![cx.text(query)?],
            (None, Some(queries)) => texts(&cx.value(queries)?, &queries.0)?,
            _ => {
                let message = "a `retrieve` step has either `query` or `queries`";
                return Err(Failure::new(FailureClass::Expression, message));
            }
        };
        let collections = match &self.collections {
            Some(collections) => texts(&cx.value(collections)?, &collections.0)?,
            None => vec![DEFAULT.into()],
        };
        let top_k = self.top_k.number(cx)?;
        cx.input(json!({ "queries": queries, "collections": collections, "top_k": top_k }));
        let mut found = Vec::new();
        for query in queries.iter().filter(|query| !query.trim().is_empty()) {
            for collection in &collections {
                found.extend(search(cx, query, collection, (top_k, self.read))?);
            }
        }
        let is_one = queries.len() * collections.len() <= 1;
        let mut merged = if is_one { found } else { merge(found) };
        merged.truncate(top_k);
        ranked(&mut merged);
        Ok(output(&HitsOutput { queries, hits: merged.iter().map(Passage::value).collect() }))
    }
}

fn search(
    cx: &mut StepContext<'_>,
    query: &str,
    collection: &str,
    (top_k, read): (usize, bool),
) -> Result<Vec<Passage>, Failure> {
    let services = cx.services;
    let limit = services.settings().retrieve.query_chars_max;
    if query.chars().count() > limit {
        let message = format!("the query is longer than {limit} characters (setting retrieve.query_chars_max)");
        return Err(Failure::new(FailureClass::Expression, message));
    }
    let call = Call {
        kind: CallKind::Retrieval,
        name: collection.to_string(),
        request: match read {
            true => json!({ "query": query, "top_k": top_k, "read": services.settings().retrieve.read }),
            false => json!({ "query": query, "top_k": top_k }),
        },
        reserve: Reserve::default(),
        effect: Effect::None,
    };
    let response = cx.call(call, &mut |_| {
        let readers = read.then(|| services.readers()).transpose()?;
        let found = services.collections().with(collection, |searcher| match &readers {
            Some(readers) => searcher.search_and_read(query, top_k, readers),
            None => searcher.search(query, top_k),
        })?;
        Ok((json!({ "hits": found.hits }), Spent::default()))
    })?;
    let hits: Vec<Hit> = match response {
        Value::Object(mut object) => recorded(object.remove("hits").unwrap_or_default(), "a search")?,
        other => return Err(Failure::new(FailureClass::Other, format!("a search is recorded as {}", kind(&other)))),
    };
    let passage =
        |hit| Passage { hit, collection: collection.to_string(), query: Some(query.to_string()), pages: vec![] };
    Ok(hits.into_iter().map(passage).collect())
}

/// Each passage once with its best score, best first. Scores of different queries and collections are only roughly
/// comparable; a `rerank` step puts them on one scale.
fn merge(found: Vec<Passage>) -> Vec<Passage> {
    let mut places: HashMap<_, usize> = HashMap::new();
    let mut merged: Vec<Passage> = Vec::new();
    for passage in found {
        match places.get(&passage.key()) {
            Some(&at) if merged[at].hit.score >= passage.hit.score => {}
            Some(&at) => merged[at] = passage,
            None => {
                places.insert(passage.key(), merged.len());
                merged.push(passage);
            }
        }
    }
    // A stable sort: what scores alike stays in the order of the queries.
    merged.sort_by(|a, b| b.hit.score.total_cmp(&a.hit.score));
    merged
}

/// Numbers the ranks anew.
pub(super) fn ranked(passages: &mut [Passage]) {
    for (at, passage) in passages.iter_mut().enumerate() {
        passage.hit.rank = at + 1;
    }
}
