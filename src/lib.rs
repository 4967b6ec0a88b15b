//! *ibid*: answers from your own documents, every sentence with a source that is checked.

pub mod database;
pub mod document;
pub mod error;
pub mod inference;
pub mod ingest;
pub mod sentences;
pub mod store;
