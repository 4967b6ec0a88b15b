//! Who does what to whom: the order of two names or parties around what they have in common, in the claim and in the evidence.

use super::segments::Segment;
use super::view::{Held, Key, KeyKind, View};
use super::words::{are_converse, is_auxiliary, is_be, is_verb_form};
use super::{Difference, ReasonKind};

/// Nouns that are parties without a capital.
const PARTIES: &[&str] = &[
    "lender",
    "borrower",
    "landlord",
    "tenant",
    "lessor",
    "lessee",
    "supplier",
    "customer",
    "buyer",
    "seller",
    "purchaser",
    "vendor",
    "employer",
    "employee",
    "client",
    "contractor",
    "subcontractor",
    "licensor",
    "licensee",
    "company",
    "bank",
    "agent",
    "guarantor",
    "parent",
    "subsidiary",
    "manager",
    "board",
    "trustee",
    "fund",
    "investor",
    "adviser",
    "auditor",
    "insurer",
    "insured",
    "owner",
    "user",
    "provider",
    "creditor",
    "debtor",
    "director",
    "shareholder",
    "committee",
    "plaintiff",
    "defendant",
    "patient",
    "doctor",
    "teacher",
    "student",
    "operator",
    "carrier",
    "shipper",
];

/// Predicates that say the same from both sides.
const SYMMETRIC: &[&str] = &[
    "merg", "meet", "met", "marri", "agre", "compet", "talk", "joint", "togeth", "equal", "between", "partner", "same",
    "both",
];

/// Two parties that stand in one order in the claim and in the other in the evidence, around a word that both have.
pub(super) fn swapped(claim: &View<'_>, segment: &Segment, held: &Held<'_>, other: &Segment) -> Option<Difference> {
    let view = &held.view;
    if claim.text.words.iter().any(|word| SYMMETRIC.contains(&word.stem.as_str())) {
        return None;
    }
    let ours: Vec<&Key> =
        claim.keys.iter().filter(|key| segment.has(key.words.start) && is_party(claim, key)).collect();
    for (index, a) in ours.iter().enumerate() {
        for b in &ours[index + 1..] {
            let place = |key: &Key| view.places(key).filter(|&at| other.has(at)).collect::<Vec<_>>();
            let (a_there, b_there) = (place(a), place(b));
            let ([a_at], [b_at]) = (&a_there[..], &b_there[..]) else { continue };
            if a.words.start == b.words.start || a_at == b_at || same_name(claim, a, b) {
                continue;
            }
            let Some(turned) = turned(claim, view, (a.words.start, b.words.start), (*a_at, *b_at)) else { continue };
            if (*a_at < *b_at) == turned {
                let from = (*a_at).min(*b_at);
                let to = (*a_at).max(*b_at) + 1;
                let shown = view.written(&(from..to)).to_owned();
                return Some(Difference::new(ReasonKind::Roles, a.words.start..b.words.end, held, shown));
            }
        }
    }
    None
}

/// Whether the claim tells it from the other end than the evidence; `None` where nothing that both have stands between the two.
fn turned(claim: &View<'_>, held: &View<'_>, ours: (usize, usize), theirs: (usize, usize)) -> Option<bool> {
    let between = |view: &View<'_>, (a, b): (usize, usize)| {
        let (from, to) = (a.min(b) + 1, a.max(b));
        view.keys.iter().filter(|key| key.words.start >= from && key.words.end <= to).cloned().collect::<Vec<_>>()
    };
    let word = |key: &Key| match &key.kind {
        KeyKind::Word { folded, stem } => Some((folded.clone(), stem.clone())),
        _ => None,
    };
    let (mine, other) = (between(claim, ours), between(held, theirs));
    let pairs = || mine.iter().flat_map(|a| other.iter().filter_map(move |b| Some((word(a)?, word(b)?))));
    let converse = pairs().any(|(a, b)| are_converse((&a.0, &a.1), (&b.0, &b.1)));
    let common = pairs().any(|(a, b)| super::words::are_synonyms(&a.1, &b.1) && !is_auxiliary(&a.0));
    if !converse && !common {
        return None;
    }
    let flipped = is_passive(claim, ours) != is_passive(held, theirs);
    // "A buys from B" is "B sells to A", and "is bought by" turns it once more.
    Some(if converse && !common { !flipped } else { flipped })
}

/// "is supplied by", "was approved in May by"
fn is_passive(view: &View<'_>, (a, b): (usize, usize)) -> bool {
    let (from, to) = (a.min(b), a.max(b));
    let by = (from..to).any(|at| view.folded(at) == "by");
    let be = (from..to)
        .any(|at| is_be(view.folded(at)) && (at + 1..(at + 4).min(to)).any(|next| is_verb_form(view.folded(next))));
    let reduced = (from..to).any(|at| is_verb_form(view.folded(at)) && view.folded(at + 1) == "by");
    by && (be || reduced)
}

fn is_party(view: &View<'_>, key: &Key) -> bool {
    let KeyKind::Word { folded, .. } = &key.kind else { return matches!(key.kind, KeyKind::Code(_)) };
    let at = key.words.start;
    let span = view.text.words[at].span;
    let single = folded.strip_suffix('s').unwrap_or(folded);
    // The last word stands for its name; "of" joins words of one.
    let name = view.text.names.iter().find(|name| name.span.contains(span));
    PARTIES.contains(&single) || name.is_some_and(|name| (!name.unsure || at == 0) && view.text.words[at].capital)
}

fn same_name(view: &View<'_>, a: &Key, b: &Key) -> bool {
    let of =
        |key: &Key| view.text.names.iter().position(|name| name.span.contains(view.text.words[key.words.start].span));
    of(a).is_some() && of(a) == of(b)
}
