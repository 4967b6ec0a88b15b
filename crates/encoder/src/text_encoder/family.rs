//! A configuration in, the family of encoders that it belongs to out; knows nothing of tensors.

use super::config::ConfigFile;
use crate::error::Result;

/// A family of text encoders: models of one architecture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// BERT with absolute positions: MiniLM, BGE, E5, GTE v1.
    Bert,
    /// RoBERTa and XLM-RoBERTa: BGE-M3, multilingual E5.
    Roberta,
    /// BERT with attention biased by distance (ALiBi) and gated feed-forward parts: Jina v2.
    JinaBert,
    /// BERT with rotary positions and SwiGLU: nomic-embed-text v1 and v1.5.
    NomicBert,
    /// ModernBERT: rotary positions, most layers see a window only.
    ModernBert,
    /// GTE v1.5 and gte-multilingual: rotary positions, packed gates.
    Gte,
    /// Qwen3 decoders used as encoders: Qwen3-Embedding.
    Qwen3,
    /// One vector a word and no layers: Model2Vec, potion.
    Static,
}

/// `model_type`, how names in `architectures` begin, and the family. Longer beginnings stand before shorter ones.
const KNOWN: [(&str, &str, Family); 11] = [
    ("bert", "Bert", Family::Bert),
    ("roberta", "Roberta", Family::Roberta),
    ("xlm-roberta", "XLMRoberta", Family::Roberta),
    ("camembert", "Camembert", Family::Roberta),
    ("bert", "JinaBert", Family::JinaBert),
    ("nomic_bert", "NomicBert", Family::NomicBert),
    ("modernbert", "ModernBert", Family::ModernBert),
    ("new", "New", Family::Gte),
    ("qwen3", "Qwen3", Family::Qwen3),
    ("model2vec", "StaticModel", Family::Static),
    ("static", "StaticEmbedding", Family::Static),
];

impl Family {
    /// The family of a configuration: by `model_type`, or by `architectures` where there is none.
    ///
    /// # Errors
    /// [`crate::error::Error::Config`] that lists the known ones.
    pub(super) fn of(config: &ConfigFile) -> Result<Self> {
        let model_type = config.text("model_type");
        let architectures = config.texts("architectures");
        let found = match model_type {
            Some(name) => KNOWN.iter().find(|(known, ..)| *known == name),
            None => KNOWN.iter().find(|(_, stem, _)| {
                architectures.iter().any(|name| {
                    name == stem || ["Model", "For"].iter().any(|rest| name.starts_with(&format!("{stem}{rest}")))
                })
            }),
        };
        match found {
            // Jina kept the name of BERT; only its positions tell.
            Some((.., Self::Bert)) if config.text("position_embedding_type") == Some("alibi") => Ok(Self::JinaBert),
            Some((.., family)) => Ok(*family),
            None => {
                let name = model_type.map_or_else(|| architectures.join(", "), ToOwned::to_owned);
                let name = if name.is_empty() { "(none named)".to_owned() } else { format!("`{name}`") };
                let mut known: Vec<_> = KNOWN.iter().map(|(known, ..)| *known).collect();
                known.dedup();
                known.sort_unstable();
                known.dedup();
                Err(config.wrong(format!("architecture {name} does not run here; known are {}", known.join(", "))))
            }
        }
    }

    /// The name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Bert => "bert",
            Self::Roberta => "roberta",
            Self::JinaBert => "jina-bert",
            Self::NomicBert => "nomic-bert",
            Self::ModernBert => "modernbert",
            Self::Gte => "gte",
            Self::Qwen3 => "qwen3",
            Self::Static => "static",
        }
    }

    /// Whether a token sees only those before it, so that only the last token has seen the whole text.
    #[must_use]
    pub fn is_causal(self) -> bool {
        self == Self::Qwen3
    }
}
