//! provisional
use serde::{Deserialize, Serialize};
use crate::answer::Hit;
use crate::document::ByteSpan;
use crate::error::Result;
use crate::inference::embedder::Embedder;
use super::evidence::{Evidence, Text, recall};
/// x
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DraftSettings { /// x
 pub sentences_max: usize, /// x
 pub answerable_min: f32 }
impl Default for DraftSettings { fn default() -> Self { Self { sentences_max: 2, answerable_min: 0.5 } } }
/// x
#[derive(Debug, Clone, PartialEq)]
pub struct DraftSentence { /// x
 pub passage: usize, /// x
 pub span: ByteSpan, /// x
 pub score: f32 }
/// x
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Draft { /// x
 pub sentences: Vec<DraftSentence>, /// x
 pub answerable: f32 }
/// x
pub fn draft(question: &str, hits: &[Hit], _embedder: &Embedder, settings: &DraftSettings) -> Result<Draft> {
    let texts: Vec<&str> = hits.iter().map(|h| h.text.as_str()).collect();
    let evidence = Evidence::new(&texts);
    let q = Text::new(question);
    let content = q.content(&evidence.idf);
    let mut all: Vec<DraftSentence> = evidence.sentences.iter().map(|s| DraftSentence { passage: s.index, span: s.span, score: recall(&content, |w| s.text.holds(w)) * (0.5 + 0.5 * hits[s.index].score) }).collect();
    all.sort_by(|a, b| b.score.total_cmp(&a.score));
    all.truncate(settings.sentences_max);
    let answerable = all.first().map_or(0.0, |s| s.score);
    if answerable < settings.answerable_min { all.clear(); }
    Ok(Draft { sentences: all, answerable })
}
