//! A claim and one sentence that says nearly the same to what they disagree on; no likeness of meaning, only spelled-out rules.

use std::collections::HashSet;

use super::evidence::{Text, recall};
use super::lexical::{Idf, Word};
use super::names::holds_word;
use super::quantities::{Quantity, agrees};

/// What differs between a claim and a sentence that is otherwise nearly the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Conflict {
    /// Another number, date or unit stands in its place.
    Quantity,
    /// Another name stands in its place.
    Name,
    /// One is negated and the other is not.
    Negation,
    /// One rises where the other falls, or has another word of opposite meaning.
    Opposite,
}

/// The claim's words apart from what differs must be found to this weighted share for a sentence to be nearly the same.
const COPY_MIN: f32 = 0.75;
/// And at least so many of them.
const SHARED_MIN: usize = 2;
/// A negation reaches over so many content words after it.
const NEGATION_REACH: usize = 3;

const NEGATIONS: &[&str] = &[
    "not", "no", "never", "none", "neither", "nor", "without", "cannot", "fail", "fails", "failed", "lack", "lacks",
    "lacked", "unable", "nobody", "nothing", "hardly", "barely", "absence", "refused", "refuses",
];

/// Words of one direction and of the other: any of the first contradicts any of the second.
const OPPOSITES: &[(&[&str], &[&str])] = &[
    (
        &[
            "increase",
            "increases",
            "increased",
            "increasing",
            "rise",
            "rises",
            "rose",
            "risen",
            "rising",
            "grow",
            "grows",
            "grew",
            "grown",
            "growing",
            "growth",
            "higher",
            "gain",
            "gained",
            "gains",
            "improve",
            "improves",
            "improved",
            "promote",
            "promotes",
            "promoted",
            "enhance",
            "enhances",
            "enhanced",
            "activate",
            "activates",
            "activated",
            "greater",
            "larger",
            "upregulate",
            "upregulates",
            "upregulated",
            "elevated",
            "expand",
            "expanded",
            "stimulate",
            "stimulates",
            "stimulated",
            "induce",
            "induces",
            "induced",
            "raise",
            "raised",
            "raises",
            "up",
        ],
        &[
            "decrease",
            "decreases",
            "decreased",
            "decreasing",
            "fall",
            "falls",
            "fell",
            "fallen",
            "falling",
            "decline",
            "declines",
            "declined",
            "declining",
            "lower",
            "lowers",
            "lowered",
            "loss",
            "lost",
            "reduce",
            "reduces",
            "reduced",
            "reducing",
            "reduction",
            "inhibit",
            "inhibits",
            "inhibited",
            "suppress",
            "suppresses",
            "suppressed",
            "smaller",
            "fewer",
            "downregulate",
            "downregulates",
            "downregulated",
            "drop",
            "drops",
            "dropped",
            "impair",
            "impairs",
            "impaired",
            "shrink",
            "shrank",
            "worsen",
            "worsens",
            "worsened",
            "prevent",
            "prevents",
            "prevented",
            "attenuate",
            "attenuates",
            "attenuated",
            "cut",
            "down",
        ],
    ),
    (&["more", "above", "exceed", "exceeds", "exceeded", "over"], &["less", "below", "under"]),
    (&["most", "maximum", "highest", "largest"], &["least", "minimum", "lowest", "smallest"]),
    (&["before", "prior", "until"], &["after", "following", "since"]),
    (&["open", "opened", "opens"], &["closed", "close", "closes", "shut"]),
    (&["win", "won", "wins"], &["lose", "lost", "loses"]),
    (&["buy", "bought", "buys", "acquire", "acquired", "buyer", "purchaser"], &["sell", "sold", "sells", "seller"]),
    (
        &["allow", "allows", "allowed", "permit", "permits", "permitted", "may"],
        &["forbid", "forbids", "forbidden", "prohibit", "prohibits", "prohibited"],
    ),
    (&["include", "includes", "included", "including"], &["exclude", "excludes", "excluded", "excluding"]),
    (
        &["accept", "accepts", "accepted", "approve", "approves", "approved"],
        &["reject", "rejects", "rejected", "deny", "denies", "denied", "refused"],
    ),
    (&["pass", "passed", "passes"], &["fail", "failed", "fails"]),
    (&["landlord", "lessor"], &["tenant", "lessee"]),
    (&["lender"], &["borrower"]),
    (&["first", "earliest"], &["last", "latest"]),
    (
        &["start", "starts", "started", "begin", "begins", "began"],
        &["end", "ends", "ended", "stop", "stops", "stopped"],
    ),
    (&["profit", "profits"], &["loss", "losses"]),
    (&["always"], &["never"]),
    (&["positive", "positively"], &["negative", "negatively"]),
    (&["north", "northern"], &["south", "southern"]),
    (&["east", "eastern"], &["west", "western"]),
    (&["left"], &["right"]),
    (&["male", "men", "man"], &["female", "women", "woman"]),
];

/// What the first sentence among `near` that is nearly the same as `claim` says differently; `None` where one of them says the
/// same, or none is near enough.
pub(super) fn conflict<'a>(claim: &Text, near: impl Iterator<Item = &'a Text>, idf: &Idf) -> Option<Conflict> {
    let mut found = None;
    for sentence in near {
        match compare(claim, sentence, idf) {
            Comparison::Differs(conflict) => found = found.or(Some(conflict)),
            Comparison::Same => return None,
            Comparison::Apart => {}
        }
    }
    found
}

enum Comparison {
    /// Nearly the same words and nothing at odds.
    Same,
    /// Nearly the same words but for this.
    Differs(Conflict),
    /// Too few words in common to tell.
    Apart,
}

fn compare(claim: &Text, sentence: &Text, idf: &Idf) -> Comparison {
    let has = |key: &str| sentence.has.contains(key);
    let other_quantities: Vec<_> = claim
        .quantities
        .iter()
        .filter(|claimed| !sentence.quantities.iter().any(|held| agrees(claimed, held)))
        .collect();
    // One other word makes another name: Helen Marsh is not Helen Carter.
    let in_name = |word: &Word| claim.names.iter().any(|name| name.span.contains(word.span));
    let other_names: Vec<&Word> = claim
        .words
        .iter()
        .filter(|word| !word.stop && in_name(word) && !holds_word(&word.folded, &word.stem, has))
        .collect();
    let opposite = opposite(claim, sentence);
    let differs = |word: &Word| {
        other_quantities.iter().any(|quantity| quantity.span.contains(word.span))
            || other_names.iter().any(|other| other.span == word.span)
            || NEGATIONS.contains(&word.folded.as_str())
            || opposite.is_some_and(|opposite| opposite == word.folded)
    };
    let rest: Vec<(&Word, f32)> = claim.content(idf).into_iter().filter(|(word, _)| !differs(word)).collect();
    let shared = rest.iter().filter(|(word, _)| sentence.holds(word)).count();
    if shared < SHARED_MIN || recall(&rest, |word| sentence.holds(word)) < COPY_MIN {
        return Comparison::Apart;
    }
    let replaced = other_quantities.iter().any(|claimed| {
        sentence.quantities.iter().any(|held| {
            held.kind == claimed.kind
                && (held.unit == claimed.unit || held.unit.is_empty() || claimed.unit.is_empty())
                && !claim.quantities.iter().any(|claimed| agrees(claimed, held))
        })
    });
    let wrong_unit = claim.quantities.iter().any(|claimed| {
        let mut alike = sentence.quantities.iter().filter(|held| agrees(claimed, held)).peekable();
        // Tables leave out the currency of their figures, but hardly a share's sign.
        let other = |held: &Quantity| held.unit != claimed.unit && (!held.unit.is_empty() || claimed.unit == "%");
        !claimed.unit.is_empty() && alike.peek().is_some() && alike.all(other)
    });
    let renamed = !other_names.is_empty()
        && sentence.names.iter().any(|name| name.words.iter().any(|word| !claim.has.contains(word)));
    if replaced || wrong_unit {
        Comparison::Differs(Conflict::Quantity)
    } else if negated_apart(claim, sentence) {
        Comparison::Differs(Conflict::Negation)
    } else if opposite.is_some() {
        Comparison::Differs(Conflict::Opposite)
    } else if renamed {
        Comparison::Differs(Conflict::Name)
    } else if other_quantities.is_empty() && other_names.is_empty() {
        Comparison::Same
    } else {
        Comparison::Apart
    }
}

/// The claim's word whose opposite the sentence has, where each side has only its own.
fn opposite<'a>(claim: &'a Text, sentence: &Text) -> Option<&'a str> {
    let of = |text: &Text, list: &[&str]| text.words.iter().any(|word| list.contains(&word.folded.as_str()));
    OPPOSITES.iter().flat_map(|&(a, b)| [(a, b), (b, a)]).find_map(|(ours, theirs)| {
        let clash = of(claim, ours) && !of(claim, theirs) && of(sentence, theirs) && !of(sentence, ours);
        let word = claim.words.iter().find(|word| ours.contains(&word.folded.as_str()));
        word.filter(|_| clash).map(|word| word.folded.as_str())
    })
}

/// Whether exactly one side negates words that the other side has too.
fn negated_apart(claim: &Text, sentence: &Text) -> bool {
    let (ours, theirs) = (negated(claim), negated(sentence));
    let only = |a: &HashSet<String>, b: &HashSet<String>, other: &Text| {
        !a.is_empty() && b.is_empty() && a.iter().any(|stem| other.has.contains(stem))
    };
    only(&ours, &theirs, sentence) || only(&theirs, &ours, claim)
}

/// The stems within reach of a negation.
fn negated(text: &Text) -> HashSet<String> {
    let mut stems = HashSet::new();
    for (at, word) in text.words.iter().enumerate() {
        let short = word.folded.ends_with("n't") || word.folded.ends_with("n’t");
        // "not only … but also" affirms.
        let only = text.words.get(at + 1).is_some_and(|next| next.folded == "only");
        if !only && (short || NEGATIONS.contains(&word.folded.as_str())) {
            let after = text.words[at + 1..].iter().filter(|word| !word.stop).take(NEGATION_REACH);
            stems.extend(after.map(|word| word.stem.clone()));
        }
    }
    stems
}
