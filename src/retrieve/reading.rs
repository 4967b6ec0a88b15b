//! Passages that a search found and a model that reads each beside the question, to a better order; searches nothing itself.

use crate::answer::Hit;
use crate::cite::evidence::{Evidence, Text};
use crate::cite::windows::windows;
use crate::error::Result;
use crate::inference::cross_encoder::{Head, Reader};

/// How likely each of the first `depth` hits answers `question`, 0 to 1, in their order: each by the stretch of its text that shares most
/// with the question, under its heading.
///
/// # Errors
/// What the reader reports.
pub fn readings(question: &str, hits: &[Hit], depth: usize, reader: &Reader) -> Result<Vec<f32>> {
    let asked = Text::new(question);
    let texts: Vec<String> = hits.iter().take(depth).map(|hit| window(&asked, hit)).collect();
    let pairs: Vec<(&str, &str)> = texts.iter().map(|text| (question, text.as_str())).collect();
    reader.scores(Head::Answers, &pairs)
}

/// What is read of a hit.
fn window(question: &Text, hit: &Hit) -> String {
    let evidence = Evidence::new(&[&hit.text]);
    let text = windows(question, &evidence).into_iter().next().unwrap_or_else(|| hit.text.clone());
    match hit.title.as_deref().or(hit.heading.last().map(String::as_str)) {
        Some(about) if !text.contains(about) => format!("{about}\n{text}"),
        _ => text,
    }
}

/// Orders the hits anew by what was read of the first of them: `weight`, 0 to 1, is that of the reading against the score that a hit came
/// with. A hit that was not read stays behind those that come before it.
pub fn reorder(hits: &mut [Hit], readings: &[f32], weight: f32) {
    let best = hits.first().map_or(1.0, |hit| hit.score.max(f32::EPSILON));
    for (at, hit) in hits.iter_mut().enumerate() {
        let reading = readings.get(at).copied();
        hit.scores.reading = reading;
        hit.score = (1.0 - weight) * hit.score / best + weight * reading.unwrap_or(0.0);
    }
    // A stable sort: what scores alike stays in the order of the search.
    hits.sort_by(|a, b| b.score.total_cmp(&a.score));
    for (at, hit) in hits.iter_mut().enumerate() {
        hit.rank = at + 1;
    }
}
