//! A workflow file and its input in, a durable, recorded run out: parse, check, draw, schedule, retry, budget, pause, resume, replay.
//!
//! `graph` is what a file says, `check` what is wrong with it, `schedule` which step is next, `run` does it, `journal` keeps
//! what happened, and `steps/` holds one room for each kind of step. Only `steps/` knows documents, models and citations.

pub mod context;
pub mod event;
pub mod expression;
pub mod failure;
pub mod graph;
pub mod services;
pub mod steps;
