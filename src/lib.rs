//! *ibid*: answers from your own documents, every sentence with a source that is checked.

pub mod cite;
pub mod document;
pub mod error;
