//! *ibid*: answers from your own documents, every sentence with a source that is checked.

pub mod answer;
pub mod arithmetic;
pub mod ask;
pub mod bench;
pub mod check;
pub mod chunk;
pub mod cite;
pub mod cli;
pub mod collections;
pub mod config;
pub mod database;
pub mod error;
pub mod eval;
pub mod failpoint;
pub mod figures;
pub mod generation;
pub mod index;
pub mod inference;
pub mod label;
pub mod language;
pub mod late_interaction;
pub mod lexicon;
pub mod months;
pub mod retrieve;
pub mod sentences;
pub mod services;
pub mod stop_words;
pub mod store;
pub mod tables;
pub mod telemetry;
pub mod tools;
pub mod vocabulary;
pub mod workflow;

pub use ibid_encoder::{random, vector};
pub use ibid_read::{columns, data_folder, document, ingest};
