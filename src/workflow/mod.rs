//! A workflow file and its input in, a durable, recorded run out: parse, check, draw, schedule, retry, budget, pause, resume, replay.
//!
//! `graph` is what a file says, `check` what is wrong with it, `schedule` which step is next, `run` does it, `journal` keeps
//! what happened, and `steps/` holds one room for each kind of step. Only `steps/` knows documents, models and citations.

pub mod asked;
pub mod bench;
pub mod budget;
pub mod check;
pub mod context;
pub mod draw;
mod driver;
pub mod event;
mod execution;
pub mod expression;
pub mod failure;
pub mod frames;
pub mod graph;
pub mod input;
pub mod journal;
mod lease;
pub mod load;
pub mod models;
pub mod page;
pub mod parse;
mod pool;
mod retry;
pub mod run;
pub mod schedule;
pub mod schema;
pub mod services;
pub mod shipped;
pub mod steps;

/// The one of `known` that is spelled most like `name`, if any is like it at all.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let likeness = |other: &str| {
        let (a, b) = (name.to_lowercase(), other.to_lowercase());
        // Half a name, or a plural, is meant more often than a name that happens to have the same letters.
        let part = if a.len() >= 3 && (b.starts_with(&a) || a.starts_with(&b)) { 0.15 } else { 0.0 };
        strsim::jaro_winkler(&a, &b) + part
    };
    known
        .into_iter()
        .map(|other| (likeness(other), other))
        .filter(|(likeness, _)| *likeness >= 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, other)| other)
}
