//! Models: their manifests and files, tokenizers, encoders, language models; never sees a store.

pub mod ahead;
pub mod cache;
pub mod cross_encoder;
pub mod device;
pub mod embedder;
pub mod fetch;
#[cfg(feature = "cuda")]
mod gpu;
pub mod llm;
pub mod manifest;
pub mod precision;
pub mod tokenizer;

#[cfg(test)]
mod tests;
