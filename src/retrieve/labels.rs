//! A query and the files of its candidates in, how well each file's label fits out.

use std::collections::{HashMap, HashSet};

use tracing::instrument;
use uuid::Uuid;

use super::RetrieveSettings;
use super::scores::idf;
use crate::database::Database;
use crate::error::Result;
use crate::label::{asks_for_newest, last_day, terms};

/// For each file the share of the query's weight that its label holds, 0 to 1. Files of one chunk have none: their label
/// says nothing that the chunk does not.
#[instrument(name = "labels", level = "debug", skip_all)]
pub(super) fn label_scores(
    query: &str,
    files: &HashMap<Uuid, i64>,
    database: &Database,
    settings: &RetrieveSettings,
) -> Result<HashMap<i64, f32>> {
    if settings.label_weight <= 0.0 {
        return Ok(HashMap::new());
    }
    let terms = terms(query);
    let (counts, file_count) = database.label_counts(&terms)?;
    // A term of every label tells no document from another.
    let weights: HashMap<u32, f32> = terms
        .iter()
        .zip(&counts)
        .filter(|&(_, &count)| count > 0 && count < file_count)
        .map(|(&term, &count)| (term, idf(count, file_count)))
        .collect();
    let whole: f32 = weights.values().sum();
    let wants_newest = asks_for_newest(query);
    if whole <= 0.0 && !wants_newest {
        return Ok(HashMap::new());
    }
    let labels = database.labels(&files.values().copied().collect::<HashSet<_>>())?;
    let share = |label: &[u32]| {
        let held: f32 = label.iter().filter_map(|term| weights.get(term)).sum();
        if whole > 0.0 { held / whole } else { 0.0 }
    };
    let mut scores = labels.iter().map(|(&file, label)| (file, share(label))).collect();
    if wants_newest {
        favour_newest(&mut scores, &labels);
    }
    Ok(scores)
}

/// Half of each file's score is whether it is the newest of those that fit best: that of `the latest report of X` is the latest of X.
fn favour_newest(scores: &mut HashMap<i64, f32>, labels: &HashMap<i64, Vec<u32>>) {
    let best = scores.values().copied().fold(0.0, f32::max);
    let year_max = i32::from(jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).year());
    let days: HashMap<i64, u32> = labels
        .iter()
        .filter(|(file, _)| scores.get(file).is_some_and(|score| *score >= best - f32::EPSILON))
        .filter_map(|(file, label)| Some((*file, last_day(label, year_max)?)))
        .collect();
    let Some(newest) = days.values().copied().max() else { return };
    for (file, score) in scores.iter_mut() {
        let is_newest = days.get(file).is_some_and(|day| *day == newest);
        *score = f32::midpoint(*score, f32::from(u8::from(is_newest)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_of_those_that_fit_best_goes_first_and_a_newer_one_that_fits_less_does_not() {
        let files =
            [(1, 0.8, "Orrin report Q1 2023"), (2, 0.8, "Orrin report Q2 2023"), (3, 0.4, "Peel report Q4 2023")];
        let mut scores: HashMap<i64, f32> = files.iter().map(|&(file, score, _)| (file, score)).collect();
        let labels = files.iter().map(|&(file, _, label)| (file, terms(label))).collect();
        favour_newest(&mut scores, &labels);
        assert!(scores[&2] > scores[&1] && scores[&1] > scores[&3], "{scores:?}");
        let mut undated = HashMap::from([(1, 0.5)]);
        favour_newest(&mut undated, &HashMap::from([(1, terms("Orrin handbook"))]));
        assert_eq!(undated, HashMap::from([(1, 0.5)]), "where no label names a time, nothing is newer");
    }
}
