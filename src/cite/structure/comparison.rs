//! "The new crane lifts less than the old one": a comparison that the claim makes, against the figures of both sides.

use super::figures::{Amount, Value};
use super::holders::fit_of;
use super::view::{Held, Key, View};
use super::{Difference, ReasonKind};

const MORE: &[&str] = &[
    "more", "higher", "larger", "greater", "bigger", "longer", "heavier", "faster", "stronger", "taller", "dearer",
    "later", "older", "better",
];
const LESS: &[&str] = &[
    "less", "fewer", "lower", "smaller", "shorter", "lighter", "slower", "weaker", "cheaper", "earlier", "younger",
    "worse",
];
/// Each side must share this share of its keys with what its figure is said of.
const FIT_MIN: f32 = 0.5;

/// What the figures say otherwise than the claim's comparison; `None` where they bear it out or do not tell.
pub(super) fn difference(claim: &View<'_>, evidence: &[Held<'_>]) -> Option<Difference> {
    let than = (1..claim.text.words.len()).find(|&at| claim.folded(at) == "than")?;
    let (at, more) = (than.saturating_sub(3)..than).find_map(|at| {
        let word = claim.folded(at);
        if MORE.contains(&word) { Some((at, true)) } else { LESS.contains(&word).then_some((at, false)) }
    })?;
    // "more than 30 tonnes" is a bound.
    if claim.figures.iter().any(|figure| {
        figure.words.start > than && figure.words.start <= than + 3 && matches!(figure.value, Value::Amount(_))
    }) {
        return None;
    }
    let side = |from: usize, to: usize| {
        claim.keys.iter().filter(|key| key.words.start >= from && key.words.end <= to).collect::<Vec<&Key>>()
    };
    let (ours, theirs) = (side(0, at), side(than + 1, claim.text.words.len()));
    if ours.is_empty() || theirs.is_empty() {
        return None;
    }
    // What both sides are measured by belongs to both.
    let shared: Vec<&Key> = ours
        .iter()
        .copied()
        .filter(|key| theirs.iter().any(|other| super::view::same(&key.kind, &other.kind)))
        .collect();
    let one = best(claim, &ours, evidence)?;
    let mut other_keys = theirs.clone();
    other_keys.extend(
        ours.iter()
            .copied()
            .filter(|key| key.words.start + 2 >= at && !shared.iter().any(|held| held.words == key.words)),
    );
    let other = best(claim, &other_keys, evidence)?;
    let (a, b) = (one.1, other.1);
    if std::ptr::eq(a, b)
        || a.quantity.unit != b.quantity.unit
        || (a.quantity.value - b.quantity.value).abs() < f64::EPSILON
    {
        return None;
    }
    if (a.quantity.value > b.quantity.value) == more {
        return None;
    }
    let show = |found: &(&Held<'_>, &Amount)| found.1.quantity.span.of(&found.0.view.text.text).to_owned();
    Some(Difference::new(ReasonKind::Comparison, at..than + 1, one.0, format!("{} and {}", show(&one), show(&other))))
}

fn best<'a, 'b>(claim: &View<'_>, keys: &[&Key], evidence: &'b [Held<'a>]) -> Option<(&'b Held<'a>, &'b Amount)> {
    let total: f32 = keys.iter().map(|key| key.weight).sum();
    let mut found: Option<(f32, &Held<'_>, &Amount)> = None;
    for held in evidence {
        for figure in &held.view.figures {
            let Value::Amount(amount) = &figure.value else { continue };
            let fit = fit_of(claim, keys, held, figure) / total.max(f32::EPSILON);
            if fit >= FIT_MIN && found.is_none_or(|best| fit > best.0) {
                found = Some((fit, held, amount));
            }
        }
    }
    found.map(|(_, held, amount)| (held, amount))
}
