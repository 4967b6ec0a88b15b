//! Answers to claims, claims and evidence to verdicts, evidence to an extractive draft; knows no model files and no store.

mod addressed;
pub mod answering;
pub mod check;
pub mod claims;
pub mod draft;
pub mod evidence;
pub mod features;
pub mod lexical;
pub mod logistic;
pub mod names;
pub mod quantities;
pub mod structure;
mod verbatim;
pub mod verdict;
pub mod windows;
