//! The readers of *ibid*: a file of any format in, its text with pages, blocks and cells out; knows nothing of indexes or models.

pub mod columns;
pub mod data_folder;
pub mod document;
pub mod error;
pub mod ingest;
