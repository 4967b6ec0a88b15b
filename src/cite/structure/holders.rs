//! Whose figure it is: each figure of a claim against the figures of the evidence and what they are said of.

use super::arithmetic::derived;
use super::figures::{Agreement, Bound, Figure, Value, bound_follows, compare};
use super::view::{Held, Key, KeyKind, View};
use super::{Difference, ReasonKind};
use std::ops::Range;

/// Figures of a claim, and of a sentence of the evidence, that are looked at: a longer list says nothing of one thing.
const FIGURES_MAX: usize = 40;
/// Keys of a claim that figures are recognised by, the weightiest.
const KEYS_MAX: usize = 64;
/// A figure of the evidence fits a claim that shares this share of the weight of its keys with it.
const FIT_MIN: f32 = 0.3;
/// Another figure must fit better by this share to be the one that was meant.
const GAP_MIN: f32 = 0.12;
/// Words this near to a figure that the claim does not have speak against it.
const NEAR_WORDS: usize = 5;
/// By this share of their weight.
const FOREIGN_SHARE: f32 = 0.4;

/// The words beside a figure, where the claim has them there too, add this share of the claim's weight.
const BESIDE_SHARE: f32 = 0.15;

/// A figure of the evidence for one of the claim, with how well what it is said of fits.
struct Candidate<'a, 'b> {
    held: &'b Held<'a>,
    figure: &'b Figure,
    agreement: Agreement,
    fit: f32,
}

/// What differs between the claim's figures and those of the evidence.
pub(super) fn differences(claim: &View<'_>, evidence: &[Held<'_>]) -> Vec<Difference> {
    let mut found = Vec::new();
    for figure in claim.figures.iter().take(FIGURES_MAX) {
        found.extend(differs(claim, figure, evidence).map(|difference| difference.of(figure.span)));
    }
    found
}

fn differs(claim: &View<'_>, claimed: &Figure, evidence: &[Held<'_>]) -> Option<Difference> {
    let candidates = candidates(claim, claimed, evidence);
    let best = |wanted: &[Agreement]| {
        let of = candidates.iter().filter(|candidate| wanted.contains(&candidate.agreement));
        of.reduce(|a, b| if b.fit > a.fit { b } else { a })
    };
    let same = best(&[Agreement::Same]);
    let unit = best(&[Agreement::OtherUnit]);
    let other = best(&[Agreement::Other, Agreement::OtherUnit]);
    let is_date = matches!(claimed.value, Value::Date(_));
    let Some(same) = same else {
        return missing(claim, claimed, unit, other, evidence);
    };
    if let Some(difference) = superseded(claim, claimed, same) {
        return Some(difference);
    }
    if let Some(other) = other.filter(|other| other.fit > same.fit + GAP_MIN && other.fit >= FIT_MIN) {
        let kind = if is_date { ReasonKind::Period } else { ReasonKind::Holder };
        return Some(
            Difference::new(kind, claimed.words.clone(), other.held, shown(other)).measured(nearness(other.fit)),
        );
    }
    bound(claimed, &candidates, same)
}

fn missing(
    claim: &View<'_>,
    claimed: &Figure,
    unit: Option<&Candidate<'_, '_>>,
    other: Option<&Candidate<'_, '_>>,
    evidence: &[Held<'_>],
) -> Option<Difference> {
    if derived(claim, claimed, evidence) {
        return None;
    }
    let is_date = matches!(claimed.value, Value::Date(_));
    if let Some(unit) =
        unit.filter(|unit| unit.fit >= FIT_MIN && other.is_none_or(|other| other.fit <= unit.fit + GAP_MIN))
    {
        let difference = Difference::new(ReasonKind::Unit, claimed.words.clone(), unit.held, shown(unit));
        return Some(difference.measured(nearness(unit.fit)));
    }
    let kind = if is_date { ReasonKind::Period } else { ReasonKind::Number };
    if let Some(other) = other.filter(|other| other.fit >= FIT_MIN) {
        let difference = Difference::new(kind, claimed.words.clone(), other.held, shown(other));
        return Some(difference.measured(nearness(other.fit)));
    }
    // "Two" and "three" are often counted from what is listed.
    let digits = claimed.span.of(&claim.text.text).bytes().any(|byte| byte.is_ascii_digit());
    Some(Difference::nowhere(kind, claimed.words.clone()).measured(if digits { 0.8 } else { 0.3 }))
}

fn candidates<'a, 'b>(claim: &View<'_>, claimed: &Figure, evidence: &'b [Held<'a>]) -> Vec<Candidate<'a, 'b>> {
    let mut keys: Vec<&Key> = claim.keys.iter().filter(|key| !claimed.words.contains(&key.words.start)).collect();
    if keys.len() > KEYS_MAX {
        keys.sort_by(|a, b| b.weight.total_cmp(&a.weight));
        keys.truncate(KEYS_MAX);
    }
    let total: f32 = keys.iter().map(|key| key.weight).sum::<f32>().max(f32::EPSILON);
    let mut found = Vec::new();
    for held in evidence {
        for figure in held.view.figures.iter().take(FIGURES_MAX) {
            let agreement = in_scale(&claimed.value, &figure.value, held);
            // What another figure of the claim says is not said in this one's place.
            let taken = agreement != Agreement::Same
                && claim.figures.iter().any(|other| in_scale(&other.value, &figure.value, held) == Agreement::Same);
            if agreement != Agreement::Apart && !taken && comparable(claimed, figure, agreement) {
                let beside = beside(claim, claimed, &held.view, figure) * BESIDE_SHARE;
                found.push(Candidate {
                    held,
                    figure,
                    agreement,
                    fit: fit_of(claim, &keys, held, figure) / total + beside,
                });
            }
        }
    }
    found
}

/// How the claim's figure compares with one of a row whose table is counted in thousands or millions: it is that many times the figure that
/// stands there. The bare digits are what it says only where the claim names no currency.
fn in_scale(claimed: &Value, figure: &Value, held: &Held<'_>) -> Agreement {
    let bare = compare(claimed, figure);
    let (Value::Amount(ours), Value::Amount(theirs)) = (claimed, figure) else { return bare };
    let counted = held.scale > 1.0 && theirs.quantity.unit != "%" && theirs.quantity.value >= 1.0 && !is_apart(held);
    if !counted {
        return bare;
    }
    let mut scaled = theirs.clone();
    scaled.quantity.value *= held.scale;
    match compare(claimed, &Value::Amount(scaled)) {
        Agreement::Same => Agreement::Same,
        _ if bare == Agreement::Same
            && "$€£¥".contains(ours.quantity.unit.as_str())
            && !ours.quantity.unit.is_empty() =>
        {
            Agreement::OtherUnit
        }
        _ => bare,
    }
}

/// Whether a row is of shares, a share each or a rate, which tables in millions count apart.
fn is_apart(held: &Held<'_>) -> bool {
    let apart = ["share", "shares", "per", "percent", "percentage", "ratio", "rate", "number", "employees", "units"];
    held.view.text.words.iter().any(|word| apart.contains(&word.folded.as_str()))
}

/// How many of the words with content next to the two figures are the same, 0 to 2.
fn beside(claim: &View<'_>, claimed: &Figure, view: &View<'_>, figure: &Figure) -> f32 {
    let before = |view: &View<'_>, figure: &Figure| {
        (figure.words.start.saturating_sub(3)..figure.words.start)
            .rev()
            .find(|&at| !view.text.words[at].stop)
            .map(|at| view.text.words[at].stem.clone())
    };
    let after = |view: &View<'_>, figure: &Figure| {
        // Its unit is a part of it.
        let words = view.text.words[figure.words.end..].iter().skip_while(|word| figure.span.contains(word.span));
        words.take(3).find(|word| !word.stop).map(|word| word.stem.clone())
    };
    let same = |a: Option<String>, b: Option<String>| if a.is_some() && a == b { 1.0 } else { 0.0 };
    same(before(claim, claimed), before(view, figure)) + same(after(claim, claimed), after(view, figure))
}

/// Another number of another noun is no other figure of the same: 26 employees and 26 days.
fn comparable(claimed: &Figure, held: &Figure, agreement: Agreement) -> bool {
    match (&claimed.value, &held.value) {
        (Value::Amount(a), Value::Amount(b)) => {
            agreement == Agreement::Same
                || a.quantity.unit == b.quantity.unit
                || !a.quantity.unit.is_empty() && !b.quantity.unit.is_empty()
                || { a.noun == b.noun || a.noun.is_empty() || b.noun.is_empty() }
        }
        (Value::Date(a), Value::Date(b)) => {
            agreement == Agreement::Same || a.day.is_some() == b.day.is_some() && a.month.is_some() == b.month.is_some()
        }
        _ => true,
    }
}

/// How much of the claim is said of `figure`, in weight of keys.
pub(super) fn fit_of(claim: &View<'_>, keys: &[&Key], held: &Held<'_>, figure: &Figure) -> f32 {
    let view = &held.view;
    let at = figure.words.start;
    let own = view.segments.iter().find(|segment| segment.own.contains(&at)).or(view.segments.first());
    let Some(own) = own else { return 0.0 };
    let mut sum = 0.0;
    for key in keys {
        let share = share(key, held, own.own.clone(), own.inherited.clone(), at);
        sum += key.weight * share;
        if is_turned(key, view, &own.own) {
            sum -= key.weight;
        }
    }
    sum - foreign(claim, held, own.own.clone(), figure)
}

/// Whether the stretch has another relation to what `key` relates to: after probation for during probation.
fn is_turned(key: &Key, view: &View<'_>, own: &Range<usize>) -> bool {
    let KeyKind::Relation(relation, stem) = &key.kind else { return false };
    let mut others = view.keys.iter().filter_map(|held| match &held.kind {
        KeyKind::Relation(other, held_stem) if own.contains(&held.words.start) && held_stem == stem => Some(other),
        _ => None,
    });
    others.next().is_some_and(|first| first != relation) && others.all(|other| other != relation)
}

fn share(key: &Key, held: &Held<'_>, own: Range<usize>, inherited: Range<usize>, at: usize) -> f32 {
    let view = &held.view;
    let in_column =
        held.column(at).is_some_and(|column| column.keys.iter().any(|held| super::view::same(&key.kind, &held.kind)));
    if in_column || view.is_row && view.places(key).next().is_some() || view.has(key, &own) {
        return 1.0;
    }
    if view.has(key, &inherited) {
        return 0.9;
    }
    if view.places(key).next().is_some() {
        return 0.3;
    }
    if held.is_around(key) { 0.4 } else { 0.0 }
}

/// The weight of what the figure is said of and the claim does not have.
fn foreign(claim: &View<'_>, held: &Held<'_>, own: Range<usize>, figure: &Figure) -> f32 {
    let view = &held.view;
    let lacks = |key: &Key| claim.places(key).next().is_none();
    if view.is_row {
        // The name of the row, where the claim has another, and that of the column.
        let label = view
            .keys
            .first()
            .filter(|key| lacks(key) && !figure.words.contains(&key.words.start))
            .map_or(0.0, |key| key.weight);
        let column = held.column(figure.words.start);
        let other_column = column.filter(|column| !column.keys.is_empty() && column.keys.iter().all(lacks));
        let column = other_column.and_then(|column| column.keys.first()).map_or(0.0, |key| key.weight);
        return FOREIGN_SHARE * (label + column);
    }
    let near = own.start.max(figure.words.start.saturating_sub(NEAR_WORDS))..own.end.min(figure.words.end + NEAR_WORDS);
    let weights =
        view.keys.iter().filter(|key| near.contains(&key.words.start) && !figure.words.contains(&key.words.start));
    let mut weights: Vec<f32> =
        weights.filter(|key| lacks(key) && !matches!(key.kind, KeyKind::Relation(..))).map(|key| key.weight).collect();
    weights.sort_by(|a, b| b.total_cmp(a));
    FOREIGN_SHARE * weights.iter().take(2).sum::<f32>()
}

/// The words that are shown for a figure: with the name of its row and column.
fn shown(candidate: &Candidate<'_, '_>) -> String {
    let figure = candidate.figure.span.of(&candidate.held.view.text.text);
    match candidate.held.column(candidate.figure.words.start) {
        Some(column) => {
            let label = candidate.held.columns.first().map_or("", |first| candidate.held.view.written(&first.cell));
            format!("{label}, {}: {figure}", column.name)
        }
        None => figure.to_owned(),
    }
}

/// Words that tell that a value no longer holds.
const PAST: &[&str] = &[
    "previously",
    "formerly",
    "originally",
    "initially",
    "former",
    "instead",
    "replaces",
    "replacing",
    "replaced",
    "old",
    "earlier",
];
/// Words of a claim that tell that it speaks of the past.
const TELLS_PAST: &[&str] = &[
    "previously",
    "formerly",
    "originally",
    "initially",
    "former",
    "from",
    "until",
    "was",
    "were",
    "had",
    "before",
    "old",
    "earlier",
    "instead",
    "prior",
    "replaced",
];

/// A value from which another was changed, claimed as the one that holds.
fn superseded(claim: &View<'_>, claimed: &Figure, same: &Candidate<'_, '_>) -> Option<Difference> {
    let view = &same.held.view;
    if claim.text.words.iter().any(|word| TELLS_PAST.contains(&word.folded.as_str()))
        || matches!(claimed.value, Value::Date(_))
    {
        return None;
    }
    let at = same.figure.words.start;
    let before = at.saturating_sub(4)..at;
    let past = before.clone().any(|at| PAST.contains(&view.folded(at)));
    let from = (at.saturating_sub(2)..at).any(|at| view.folded(at) == "from");
    let later = view.figures.iter().find(|figure| {
        let start = figure.words.start;
        start > at
            && matches!(compare(&same.figure.value, &figure.value), Agreement::Other)
            && (start.saturating_sub(2)..start).any(|at| view.folded(at) == "to")
    });
    let shown = match later {
        Some(later) if from => later.span.of(&view.text.text).to_owned(),
        _ if past => view.written(&(before.start..same.figure.words.end)).to_owned(),
        _ => return None,
    };
    Some(Difference::new(ReasonKind::Superseded, claimed.words.clone(), same.held, shown).measured(nearness(same.fit)))
}

/// A limit claimed as a value, or as a limit to the other side.
fn bound(claimed: &Figure, candidates: &[Candidate<'_, '_>], best: &Candidate<'_, '_>) -> Option<Difference> {
    let Value::Amount(ours) = &claimed.value else { return None };
    let bound = |candidate: &Candidate<'_, '_>| match &candidate.figure.value {
        Value::Amount(amount) => amount.bound,
        _ => Bound::Exact,
    };
    // Any figure that fits about as well may be the one that was meant.
    let close = candidates.iter().filter(|c| c.agreement == Agreement::Same && c.fit > best.fit - GAP_MIN);
    if close.into_iter().any(|candidate| bound_follows(ours.bound, bound(candidate))) {
        return None;
    }
    let opposed = matches!(
        (ours.bound, bound(best)),
        (Bound::AtLeast | Bound::MoreThan, Bound::AtMost | Bound::LessThan)
            | (Bound::AtMost | Bound::LessThan, Bound::AtLeast | Bound::MoreThan)
    );
    let kind = if opposed { ReasonKind::Bound } else { ReasonKind::BoundDropped };
    Some(Difference::new(kind, claimed.words.clone(), best.held, shown(best)).measured(nearness(best.fit)))
}

/// How near in words a fit is, 0 to 1.
fn nearness(fit: f32) -> f32 {
    ((fit - FIT_MIN) / (0.65 - FIT_MIN)).clamp(0.0, 1.0)
}
