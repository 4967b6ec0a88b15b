//! Answers to claims, claims and evidence to verdicts, evidence to an extractive draft; knows no model files and no store.

pub mod claims;
pub mod lexical;
pub mod names;
pub mod quantities;
pub mod sentences;
