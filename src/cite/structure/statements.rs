//! What a claim states against the segments of the evidence that speak of the same: negation, opposites, modality, quantifiers, order,
//! roles, and the conditions and sources that it leaves out.

use std::ops::Range;

use super::modality::{Modality, distance, is_adverb, modality, quantifier_follows, quantifiers};
use super::roles::swapped;
use super::segments::{Segment, Under};
use super::view::{Held, Key, KeyKind, View};
use super::words::{are_opposite, are_synonyms};
use super::{Difference, ReasonKind};

/// A segment of the evidence speaks of the same as one of the claim when it holds this share of the weight of its keys.
const ABOUT_MIN: f32 = 0.45;
/// Segments that hold nearly as much count as well as the best one.
const CLOSE: f32 = 0.1;
/// A negation reaches over so many words with content after it.
const NEGATION_REACH: usize = 3;

/// What comparing the statements gave.
#[derive(Debug, Clone, Default)]
pub(super) struct Compared {
    /// What differs.
    pub(super) differences: Vec<Difference>,
    /// The share of the claim's keys that stand together, 0 to 1: the mean over its segments, weighted.
    pub(super) together: f32,
}

/// Compares each segment of the claim with the segments of the evidence that speak of the same.
pub(super) fn compare(claim: &View<'_>, evidence: &[Held<'_>]) -> Compared {
    let mut compared = Compared::default();
    let mut mass = 0.0;
    for segment in &claim.segments {
        let keys: Vec<&Key> = claim.keys.iter().filter(|key| segment.has(key.words.start)).collect();
        let weight: f32 = keys.iter().map(|key| key.weight).sum();
        if weight <= 0.0 {
            continue;
        }
        let mut found: Vec<(f32, &Held<'_>, &Segment)> = Vec::new();
        for held in evidence {
            // Of one sentence, what it says elsewhere does not take away what it says here.
            let best = held.view.segments.iter().map(|other| (held_share(&keys, held, other) / weight, held, other));
            found.extend(best.reduce(|a, b| if b.0 > a.0 { b } else { a }));
        }
        let best = found.iter().map(|found| found.0).fold(0.0, f32::max);
        compared.together += best * weight;
        mass += weight;
        let close = found.iter().filter(|found| found.0 >= ABOUT_MIN.max(best - CLOSE));
        let differences = close.map(|&(share, held, other)| {
            let found = segment_differences(claim, segment, held, other).into_iter();
            found.map(|difference| difference.measured(nearness(share))).collect::<Vec<_>>()
        });
        // Where one place says it, another that does not takes nothing away.
        let least = differences.reduce(|a, b| if severity(&b) < severity(&a) { b } else { a });
        compared.differences.extend(least.unwrap_or_default());
    }
    compared.together = if mass > 0.0 { compared.together / mass } else { 0.0 };
    compared
}

/// How near in words a share is, 0 to 1.
fn nearness(share: f32) -> f32 {
    ((share - ABOUT_MIN) / (0.85 - ABOUT_MIN)).clamp(0.0, 1.0)
}

fn severity(differences: &[Difference]) -> u32 {
    differences.iter().map(|difference| difference.kind.severity()).sum()
}

/// The weight of `keys` that a segment holds, what it takes over and what surrounds it included.
fn held_share(keys: &[&Key], held: &Held<'_>, segment: &Segment) -> f32 {
    let view = &held.view;
    let share = |key: &&Key| {
        let in_columns =
            held.columns.iter().any(|column| column.keys.iter().any(|held| super::view::same(&key.kind, &held.kind)));
        if view.has(key, &segment.own) || view.is_row && view.places(key).next().is_some() || in_columns {
            1.0
        } else if view.has(key, &segment.inherited) {
            0.95
        } else if view.places(key).next().is_some() || held.is_around(key) {
            0.6
        } else {
            0.0
        }
    };
    keys.iter().map(|key| key.weight * share(key)).sum()
}

fn segment_differences(claim: &View<'_>, segment: &Segment, held: &Held<'_>, other: &Segment) -> Vec<Difference> {
    let mut found = Vec::new();
    if held.view.is_row {
        return found;
    }
    let modal = differs_in_modality(claim, segment, held, other);
    let is_modal = modal.is_some();
    found.extend(modal);
    if !is_modal {
        found.extend(differs_in_polarity(claim, segment, held, other));
    }
    found.extend(differs_in_quantifier(claim, segment, held, other));
    found.extend(differs_in_order(claim, segment, held));
    found.extend(swapped(claim, segment, held, other));
    found.extend(leaves_out(claim, held, other));
    found.extend(only(claim, segment, held, other));
    found.extend(differs_in_degree(claim, segment, held, other));
    found
}

/// "more common" for "less common".
fn differs_in_degree(claim: &View<'_>, segment: &Segment, held: &Held<'_>, other: &Segment) -> Option<Difference> {
    let degree = |word: &str| match word {
        "more" | "most" => Some(true),
        "less" | "least" => Some(false),
        _ => None,
    };
    let stem =
        |view: &View<'_>, at: usize| view.text.words.get(at).filter(|word| !word.stop).map(|word| word.stem.clone());
    segment.own.clone().find_map(|at| {
        let (ours, of) = (degree(claim.folded(at))?, stem(claim, at + 1)?);
        let mut theirs = other.own.clone().filter(|&at| stem(&held.view, at + 1).is_some_and(|held| held == of));
        let place = theirs.find(|&at| degree(held.view.folded(at)).is_some_and(|theirs| theirs != ours))?;
        Some(Difference::new(ReasonKind::Opposite, at..at + 2, held, held.view.written(&(place..place + 2)).to_owned()))
    })
}

/// The words of a segment with the subject it takes over, in order.
pub(super) fn words_of(segment: &Segment) -> impl Iterator<Item = usize> + use<> {
    segment.inherited.clone().chain(segment.own.clone())
}

fn differs_in_modality(claim: &View<'_>, segment: &Segment, held: &Held<'_>, other: &Segment) -> Option<Difference> {
    let (ours, at) = modality(claim, &segment.own);
    let (theirs, place) = modality(&held.view, &other.own);
    // "the lease may be ended" and "can be ended" in what is taken over
    let (theirs, place) = if theirs == Modality::Plain && !other.inherited.is_empty() {
        let whole = modality(&held.view, &(other.inherited.start..other.own.end));
        if ours == Modality::Plain { (theirs, place) } else { whole }
    } else {
        (theirs, place)
    };
    let distance = distance(ours, theirs);
    // A duty that only the claim has may come from a word that is no verb there.
    if distance == 0
        || ours != Modality::Plain
            && theirs == Modality::Plain
            && distance < 2
            && !has_verb_in_common(claim, at.as_ref(), held)
    {
        return None;
    }
    let kind = if distance == 2 { ReasonKind::Modality } else { ReasonKind::ModalityShift };
    let words = at.unwrap_or_else(|| first_shared(claim, segment, held));
    let shown = place.map_or_else(|| held.view.written(&other.own).to_owned(), |place| shown(held, &place));
    Some(Difference::new(kind, words, held, shown))
}

fn has_verb_in_common(claim: &View<'_>, at: Option<&Range<usize>>, held: &Held<'_>) -> bool {
    let Some(at) = at else { return false };
    claim.keys.iter().find(|key| key.words.start >= at.end).is_some_and(|key| held.view.places(key).next().is_some())
}

fn first_shared(claim: &View<'_>, segment: &Segment, held: &Held<'_>) -> Range<usize> {
    let shared =
        claim.keys.iter().find(|key| segment.own.contains(&key.words.start) && held.view.places(key).next().is_some());
    shared.map_or(segment.own.clone(), |key| key.words.clone())
}

/// A few words around `place`.
fn shown(held: &Held<'_>, place: &Range<usize>) -> String {
    let end = (place.end + 3).min(held.view.text.words.len());
    held.view.written(&(place.start..end)).to_owned()
}

pub(super) const NEGATIONS: &[&str] = &[
    "not", "no", "never", "none", "neither", "nor", "without", "cannot", "fail", "fails", "failed", "lack", "lacks",
    "lacked", "unable", "nobody", "nothing", "hardly", "barely", "absence", "refused", "refuses", "longer",
];

/// Whether word `at` is within reach of a negation of its segment, and which word negates it.
fn negator(view: &View<'_>, segment: &Segment, at: usize) -> Option<usize> {
    let range = if segment.own.contains(&at) { segment.own.clone() } else { segment.inherited.clone() };
    let mut reach = 0;
    for before in (range.start..at).rev() {
        let word = view.folded(before);
        let short = word.ends_with("n't") || word.ends_with("n’t");
        let only = matches!(
            view.folded(before + 1),
            "only" | "least" | "more" | "less" | "later" | "fewer" | "exceed" | "exceeding"
        );
        if word == "longer" && view.folded(before.wrapping_sub(1)) != "no" {
            continue;
        }
        if (short || NEGATIONS.contains(&word)) && !only {
            return Some(before);
        }
        if !view.text.words[before].stop {
            reach += 1;
            if reach >= NEGATION_REACH {
                return None;
            }
        }
    }
    None
}

fn differs_in_polarity(claim: &View<'_>, segment: &Segment, held: &Held<'_>, other: &Segment) -> Option<Difference> {
    let word = |view: &View<'_>, at: usize| (view.text.words[at].folded.clone(), view.text.words[at].stem.clone());
    let theirs: Vec<usize> = words_of(other).filter(|&at| !held.view.text.words[at].stop).collect();
    let mut flipped = None;
    for key in claim.keys.iter().filter(|key| segment.own.contains(&key.words.start)) {
        let KeyKind::Word { folded, stem } = &key.kind else { continue };
        let at = key.words.start;
        let ours = negator(claim, segment, at);
        let same: Vec<usize> = held.view.places(key).filter(|at| theirs.contains(at)).collect();
        if same.is_empty() {
            // Nothing of the segment says this word, but something may say its opposite.
            let contrary = theirs.iter().copied().find(|&at| {
                let held = word(&held.view, at);
                are_opposite((folded, stem), (&held.0, &held.1)) && !claim.text.has.contains(&held.1)
            });
            if let Some(contrary) = contrary {
                let negated = negator(&held.view, other, contrary).is_some();
                if ours.is_some() == negated {
                    let shown = shown(held, &(contrary..contrary + 1));
                    return Some(Difference::new(ReasonKind::Opposite, key.words.clone(), held, shown));
                }
            }
            continue;
        }
        let negated: Vec<Option<usize>> = same.iter().map(|&at| negator(&held.view, other, at)).collect();
        if negated.iter().any(|negated| negated.is_some() == ours.is_some()) {
            continue;
        }
        // Only what the negation bears on: the first word with content after it.
        let (view, from, at) = match ours {
            Some(from) => (claim, from, at),
            None => (&held.view, negated[0].unwrap_or(0), same[0]),
        };
        let first = (from + 1..at).all(|between| view.text.words[between].stop);
        let opposed = opposite_near(claim, segment, held, other);
        if (first || flipped.is_none()) && !opposed {
            let shown = match negated[0] {
                Some(from) => shown(held, &(from..same[0] + 1)),
                None => shown(held, &(same[0]..same[0] + 1)),
            };
            let words = ours.map_or(key.words.clone(), |from| from..key.words.end);
            flipped = Some(Difference::new(ReasonKind::Negation, words, held, shown));
        }
    }
    flipped
}

/// Whether the two segments have words of opposite meaning, so that a negation on one side makes them say the same.
fn opposite_near(claim: &View<'_>, segment: &Segment, held: &Held<'_>, other: &Segment) -> bool {
    let pair = |view: &View<'_>, at: usize| (view.text.words[at].folded.clone(), view.text.words[at].stem.clone());
    let theirs: Vec<(String, String)> =
        words_of(other).filter(|&at| !held.view.text.words[at].stop).map(|at| pair(&held.view, at)).collect();
    words_of(segment).filter(|&at| !claim.text.words[at].stop).any(|at| {
        let ours = pair(claim, at);
        theirs.iter().any(|theirs| are_opposite((&ours.0, &ours.1), (&theirs.0, &theirs.1)))
    })
}

fn differs_in_quantifier(claim: &View<'_>, segment: &Segment, held: &Held<'_>, other: &Segment) -> Option<Difference> {
    let theirs = quantifiers(&held.view, &other.own);
    quantifiers(claim, &segment.own).into_iter().find_map(|(ours, at, noun)| {
        let stem = &claim.text.words[noun].stem;
        let adverb = is_adverb(claim.folded(at));
        let same = theirs.iter().find(|(_, place, noun)| {
            adverb && is_adverb(held.view.folded(*place)) || are_synonyms(&held.view.text.words[*noun].stem, stem)
        });
        let (quantifier, place, noun_there) = same?;
        if quantifier_follows(ours, *quantifier) {
            return None;
        }
        let shown = held.view.written(&(*place..noun_there + 1)).to_owned();
        Some(Difference::new(ReasonKind::Quantifier, at..noun + 1, held, shown))
    })
}

/// Connectives of time by what they say of what they govern.
const ORDER: &[(&[&str], &str)] = &[
    (&["as", "soon", "as"], "at once"),
    (&["prior", "to"], "before"),
    (&["ahead", "of"], "before"),
    (&["before"], "before"),
    (&["until"], "until"),
    (&["till"], "until"),
    (&["following"], "after"),
    (&["after"], "after"),
    (&["since"], "since"),
    (&["once"], "after"),
    (&["upon"], "after"),
    (&["during"], "during"),
    (&["while"], "during"),
    (&["throughout"], "during"),
    (&["immediately", "after"], "at once"),
];

/// The connectives of `range` with their words and the place of what they govern.
fn connectives(view: &View<'_>, range: impl Iterator<Item = usize>) -> Vec<(&'static str, Range<usize>, Vec<usize>)> {
    let mut found: Vec<(&'static str, Range<usize>, Vec<usize>)> = Vec::new();
    for at in range {
        let marker = ORDER
            .iter()
            .find(|(marker, _)| marker.iter().enumerate().all(|(step, word)| view.folded(at + step) == *word));
        let Some((marker, relation)) = marker else { continue };
        let after = at + marker.len();
        let governed: Vec<usize> =
            (after..(after + 8).min(view.text.words.len())).filter(|&at| !view.text.words[at].stop).take(3).collect();
        found.push((relation, at..after, governed));
    }
    found
}

fn differs_in_order(claim: &View<'_>, segment: &Segment, held: &Held<'_>) -> Option<Difference> {
    let theirs = connectives(&held.view, 0..held.view.text.words.len());
    connectives(claim, segment.own.clone()).into_iter().find_map(|(relation, words, governed)| {
        let stem = |view: &View<'_>, at: &usize| view.text.words[*at].stem.clone();
        let same: Vec<&(&'static str, Range<usize>, Vec<usize>)> = theirs
            .iter()
            .filter(|(_, _, others)| {
                governed
                    .iter()
                    .any(|at| others.iter().any(|other| are_synonyms(&stem(claim, at), &stem(&held.view, other))))
            })
            .collect();
        if same.is_empty() || same.iter().any(|(held, ..)| *held == relation) {
            return None;
        }
        let (_, place, others) = same[0];
        let end = others.last().map_or(place.end, |last| last + 1);
        let shown = held.view.written(&(place.start..end)).to_owned();
        let until = governed.first().map_or(words.end, |first| first + 1);
        Some(Difference::new(ReasonKind::Order, words.start..until, held, shown))
    })
}

/// Conditions, exceptions, sources and doubts of the sentence that the claim does not have.
fn leaves_out(claim: &View<'_>, held: &Held<'_>, other: &Segment) -> Vec<Difference> {
    let view = &held.view;
    let mut found = Vec::new();
    for hedge in &view.hedges {
        let near = other.has(hedge.words.start)
            || hedge.words.end + 1 >= other.own.start && hedge.words.start <= other.own.end;
        if !near {
            continue;
        }
        let keys: Vec<&Key> = view.keys.iter().filter(|key| hedge.words.contains(&key.words.start)).collect();
        let weight: f32 = keys.iter().map(|key| key.weight).sum();
        let known: f32 = keys.iter().filter(|key| claim.places(key).next().is_some()).map(|key| key.weight).sum();
        let same_kind = claim.hedges.iter().any(|ours| ours.under == hedge.under);
        let kept = match hedge.under {
            Under::Condition | Under::Exception => {
                same_kind
                    || weight > 0.0
                        && known / weight >= 0.5
                        && hedge.under == Under::Condition
                        && claim_conditions(claim)
            }
            Under::Source | Under::Doubt => {
                claim.hedges.iter().any(|ours| matches!(ours.under, Under::Source | Under::Doubt))
                    || claim.text.has.contains(&view.text.words[hedge.words.start].stem)
            }
        };
        if kept {
            continue;
        }
        let kind = match hedge.under {
            Under::Condition => ReasonKind::Condition,
            Under::Exception => ReasonKind::Exception,
            Under::Source => ReasonKind::Source,
            Under::Doubt => ReasonKind::Doubt,
        };
        let end = hedge.words.end.min(hedge.words.start + 8);
        let shown = view.written(&(hedge.words.start..end)).to_owned();
        found.push(Difference::new(kind, 0..claim.text.words.len(), held, shown));
        if found.len() >= 2 {
            break;
        }
    }
    found
}

/// Whether the claim says when or where it holds.
fn claim_conditions(claim: &View<'_>) -> bool {
    const WHEN: &[&str] =
        &["if", "when", "where", "unless", "with", "without", "once", "only", "under", "subject", "provided"];
    claim.text.words.iter().any(|word| WHEN.contains(&word.folded.as_str()))
}

/// "only" in the claim that the evidence does not say.
fn only(claim: &View<'_>, segment: &Segment, held: &Held<'_>, other: &Segment) -> Option<Difference> {
    const ONLY: &[&str] = &["only", "solely", "exclusively", "alone", "sole"];
    let at = segment.own.clone().find(|&at| ONLY.contains(&claim.folded(at)))?;
    let limited = |at: usize| {
        ONLY.contains(&held.view.folded(at))
            || matches!(held.view.folded(at), "except" | "unless" | "other" | "no" | "not" | "just" | "all")
    };
    if (0..held.view.text.words.len()).any(limited) {
        return None;
    }
    let shown = held.view.written(&other.own).chars().take(80).collect();
    Some(Difference::new(ReasonKind::Only, at..at + 1, held, shown))
}
