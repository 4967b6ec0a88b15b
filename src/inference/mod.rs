//! Models: their manifests and files, tokenizers, encoders, language models; never sees a store.

pub mod bert;
pub mod device;
pub mod tokenizer;
