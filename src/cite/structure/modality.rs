//! Whether a statement obliges, permits, forbids or leaves open, and which quantifier it has.

use std::ops::Range;

use super::view::View;

/// What a statement does with what it speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Modality {
    /// It states it.
    Plain,
    /// It obliges.
    Must,
    /// It forbids.
    MustNot,
    /// It permits.
    May,
    /// It frees from a duty.
    NeedNot,
    /// It recommends.
    Should,
}

/// How many of what it speaks of a statement is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quantifier {
    All,
    Most,
    Some,
    Few,
    No,
}

/// A modality and the words that make it.
pub(super) fn modality(view: &View<'_>, range: &Range<usize>) -> (Modality, Option<Range<usize>>) {
    let word = |at: usize| if at < range.end { view.folded(at) } else { "" };
    let is_not = |at: usize| matches!(word(at), "not" | "never" | "neither");
    for at in range.clone() {
        let before_not = at > range.start
            && (view.folded(at - 1) == "not"
                || view.folded(at - 1).ends_with("n't")
                || view.folded(at - 1).ends_with("n’t")
                || view.folded(at - 1) == "no"
                || view.folded(at - 1) == "longer");
        let found = match word(at) {
            "must" | "shall" => Some(if is_not(at + 1) { (Modality::MustNot, 2) } else { (Modality::Must, 1) }),
            "mustn't" | "mustn’t" | "cannot" | "can't" | "can’t" => Some((Modality::MustNot, 1)),
            "may" | "can" => Some(if is_not(at + 1) { (Modality::MustNot, 2) } else { (Modality::May, 1) }),
            "need" if word(at + 1) == "not" => Some((Modality::NeedNot, 2)),
            "needn't" | "needn’t" | "optional" | "voluntary" => Some((Modality::NeedNot, 1)),
            "has" | "have" | "had" | "need" | "needs" if word(at + 1) == "to" => {
                Some((if before_not || negated_do(view, range, at) { Modality::NeedNot } else { Modality::Must }, 2))
            }
            "required" | "obliged" | "obligated" | "mandatory" | "compulsory" | "necessary" | "needed" => {
                Some((if before_not { Modality::NeedNot } else { Modality::Must }, 1))
            }
            "requires" | "require" => Some((if before_not { Modality::NeedNot } else { Modality::Must }, 1)),
            "allowed" | "permitted" | "entitled" | "free" if word(at) != "free" || word(at + 1) == "to" => {
                Some((if before_not { Modality::MustNot } else { Modality::May }, 1))
            }
            "prohibited" | "forbidden" | "banned" | "barred" | "prohibits" | "forbids" | "prohibit" | "forbid" => {
                Some((if before_not { Modality::May } else { Modality::MustNot }, 1))
            }
            "should" | "recommended" => Some((Modality::Should, 1)),
            _ => None,
        };
        if let Some((modality, used)) = found {
            let from = if before_not && used == 1 { at - 1 } else { at };
            // "No visitor may enter."
            let modality = if modality == Modality::May
                && (range.start..at).any(|at| matches!(view.folded(at), "no" | "neither" | "nobody"))
            {
                Modality::MustNot
            } else {
                modality
            };
            return (modality, Some(from..(at + used).min(range.end)));
        }
    }
    (Modality::Plain, None)
}

/// "does not have to": a negated form of do just before.
fn negated_do(view: &View<'_>, range: &Range<usize>, at: usize) -> bool {
    (range.start.max(at.saturating_sub(2))..at)
        .any(|at| view.folded(at) == "not" || view.folded(at).ends_with("n't") || view.folded(at).ends_with("n’t"))
}

/// How far apart two modalities are: 0 the same, 1 something else, 2 the opposite.
pub(super) fn distance(claimed: Modality, held: Modality) -> u8 {
    use Modality::{May, Must, MustNot, NeedNot, Plain, Should};
    match (claimed, held) {
        (a, b) if a == b => 0,
        (Plain, May | Must | NeedNot | Should) | (May | NeedNot | Should, Plain) => 0,
        // What must be done may be done; whoever need not may leave it.
        (May, Must | Should | NeedNot)
        | (Must, Plain | May | Should)
        | (MustNot, Plain | NeedNot)
        | (Should, Must | May)
        | (NeedNot, May | Should) => 1,
        _ => 2,
    }
}

const QUANTIFIERS: &[(&str, Quantifier)] = &[
    ("all", Quantifier::All),
    ("every", Quantifier::All),
    ("each", Quantifier::All),
    ("always", Quantifier::All),
    ("any", Quantifier::All),
    ("most", Quantifier::Most),
    ("majority", Quantifier::Most),
    ("mostly", Quantifier::Most),
    ("usually", Quantifier::Most),
    ("some", Quantifier::Some),
    ("several", Quantifier::Some),
    ("certain", Quantifier::Some),
    ("sometimes", Quantifier::Some),
    ("many", Quantifier::Some),
    ("few", Quantifier::Few),
    ("rarely", Quantifier::Few),
    ("seldom", Quantifier::Few),
    ("hardly", Quantifier::Few),
    ("often", Quantifier::Most),
    ("frequently", Quantifier::Most),
    ("generally", Quantifier::Most),
    ("occasionally", Quantifier::Some),
    ("partly", Quantifier::Some),
    ("wholly", Quantifier::All),
    ("fully", Quantifier::All),
    ("entirely", Quantifier::All),
    ("no", Quantifier::No),
    ("none", Quantifier::No),
    ("neither", Quantifier::No),
    ("never", Quantifier::No),
];

/// The quantifiers of `range`, each with its word and the place of the noun it stands before.
pub(super) fn quantifiers(view: &View<'_>, range: &Range<usize>) -> Vec<(Quantifier, usize, usize)> {
    let of =
        |at: usize| QUANTIFIERS.iter().find(|(name, _)| *name == view.folded(at)).map(|&(_, quantifier)| quantifier);
    let noun = |at: usize| (at + 1..range.end.min(at + 4)).find(|&at| !view.text.words[at].stop).unwrap_or(at);
    // "at most", "no more than" and "no later" are bounds.
    let is_bound = |at: usize| {
        at > 0 && view.folded(at - 1) == "at"
            || matches!(view.folded(at + 1), "more" | "less" | "later" | "longer" | "fewer")
    };
    range.clone().filter(|&at| !is_bound(at)).filter_map(|at| Some((of(at)?, at, noun(at)))).collect()
}

/// Whether a quantifier is said of what is done and not of a noun.
pub(super) fn is_adverb(word: &str) -> bool {
    word.ends_with("ly") || matches!(word, "always" | "never" | "sometimes" | "often" | "seldom")
}

/// Whether a claim with the first follows from evidence with the second.
pub(super) fn quantifier_follows(claimed: Quantifier, held: Quantifier) -> bool {
    use Quantifier::{All, Most, Some};
    claimed == held || matches!((claimed, held), (Some, All | Most) | (Most, All))
}
