//! Two sentences of equal standing in, what they disagree in out, where they speak of the same thing. Strict on purpose: every word and figure
//! but one must be the same on both sides, since a disagreement that is none costs more trust than one that goes unseen.

use super::figures::{Agreement, Amount, Bound, Date, Figure, Value, compare, figures};
use super::segments::Under;
use super::statements::NEGATIONS;
use super::view::{Key, KeyKind, View};
use super::words::{are_opposite, is_auxiliary, is_be, is_verb_form};
use super::{Difference, Reason, ReasonKind, Structure, reason};
use crate::cite::evidence::{Evidence, Text};
use crate::cite::lexical::{Idf, Word};
use crate::cite::names::Name;

/// Words with content that both sentences must have in common.
const COMMON_MIN: usize = 2;
/// Words of a sentence above which it says too much to be set against another.
const WORDS_MAX: usize = 60;

/// What `claim` and `other` disagree in: one figure, date or name, or that one denies what the other says. `None` where they agree, and where
/// they may speak of different things.
pub(crate) fn disagreement(claim: &Text, other: &Text, idf: &Idf) -> Option<Reason> {
    let (ours, theirs) = (View::new(claim, idf), View::new(other, idf));
    if !can_be_compared(&ours) || !can_be_compared(&theirs) || !hedges_alike(&ours, &theirs) {
        return None;
    }
    match paired(&ours, &theirs)? {
        Pairing::Same => contrary(&ours, &theirs),
        Pairing::Differs(at, kind) => {
            let (figure, held) = (&ours.figures[at], &theirs.figures[at]);
            let same_words = words_alike(&ours, &theirs) && negations(&ours) == negations(&theirs);
            if !same_words || !measured(claim, other).iter().all(|reason| is_of_figures(reason.kind, kind)) {
                return None;
            }
            let shown = held.span.of(&other.text).to_owned();
            let difference = Difference::nowhere(kind, figure.words.clone()).of(figure.span);
            Some(reason(claim, &Difference { shown, ..difference }))
        }
    }
}

/// Whether the two say the same in the same words.
pub(crate) fn says_the_same(claim: &Text, other: &Text, idf: &Idf) -> bool {
    let (ours, theirs) = (View::new(claim, idf), View::new(other, idf));
    can_be_compared(&ours)
        && can_be_compared(&theirs)
        && matches!(paired(&ours, &theirs), Some(Pairing::Same))
        && words_alike(&ours, &theirs)
        && contrary(&ours, &theirs).is_none()
}

/// Whether a sentence tells what happened once, not what holds.
pub(crate) fn tells_past(text: &Text) -> bool {
    const PRESENT: &[&str] =
        &["is", "are", "be", "must", "may", "shall", "will", "can", "cannot", "should", "does", "do"];
    let has = |words: &[&str]| text.words.iter().any(|word| words.contains(&word.folded.as_str()));
    has(&["was", "were", "had", "did"]) || text.words.iter().any(|word| is_verb_form(&word.folded)) && !has(PRESENT)
}

/// Whether a sentence names what it speaks of by a proper name or a code.
pub(crate) fn is_named(text: &Text, idf: &Idf) -> bool {
    let is_code = |key: &Key| matches!(key.kind, KeyKind::Code(_));
    text.names.iter().any(|name| !name.unsure) || View::new(text, idf).keys.iter().any(is_code)
}

/// A date in a text, as far as it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dated {
    /// The byte at which it begins.
    pub(crate) start: usize,
    pub(crate) year: Option<u32>,
    pub(crate) month: Option<u32>,
    pub(crate) day: Option<u32>,
}

/// The dates of a text in order.
pub(crate) fn dates(text: &Text) -> Vec<Dated> {
    let of = |figure: Figure| match figure.value {
        Value::Date(Date { year, month, day, .. }) => Some(Dated { start: figure.span.start, year, month, day }),
        _ => None,
    };
    figures(text).into_iter().filter_map(of).collect()
}

/// What is said of something else that was named before, or of a time that is told from the day of writing, stands for itself only.
fn can_be_compared(view: &View<'_>) -> bool {
    const POINTS_BACK: &[&str] = &[
        "it", "its", "this", "that", "these", "those", "they", "their", "he", "his", "she", "her", "such", "both",
        "there", "here", "we", "our",
    ];
    const TOLD_FROM_NOW: &[&str] =
        &["this", "last", "next", "previous", "prior", "coming", "past", "current", "same", "following", "preceding"];
    const TIMES: &[&str] = &["year", "quarter", "month", "week", "period", "day", "half", "season", "term"];
    const NOW: &[&str] = &["today", "yesterday", "tomorrow", "ago", "recently"];
    let count = view.text.words.len();
    let written = view.text.text.trim_end();
    let floats = |at: usize| {
        NOW.contains(&view.folded(at))
            || TOLD_FROM_NOW.contains(&view.folded(at)) && TIMES.contains(&view.folded(at + 1))
    };
    !view.is_row
        && (3..=WORDS_MAX).contains(&count)
        && !written.ends_with(['?', ':'])
        && !POINTS_BACK.contains(&view.folded(0))
        && !(0..count).any(floats)
}

/// The same conditions and exceptions on both sides, and nothing that somebody merely says or expects.
fn hedges_alike(ours: &View<'_>, theirs: &View<'_>) -> bool {
    use Under::{Condition, Exception};
    let count = |view: &View<'_>, under: Under| view.hedges.iter().filter(|hedge| hedge.under == under).count();
    let states = |view: &View<'_>| view.hedges.iter().all(|hedge| matches!(hedge.under, Condition | Exception));
    let alike = |under| count(ours, under) == count(theirs, under);
    states(ours) && states(theirs) && alike(Condition) && alike(Exception)
}

/// How the figures of two sentences pair up, in order.
enum Pairing {
    /// Each says the same as its partner.
    Same,
    /// All but this one do, which says another thing of the same kind.
    Differs(usize, ReasonKind),
}

/// How two figures compare.
enum Pair {
    /// They say the same.
    Same,
    /// They say different things of the same.
    Differs(ReasonKind),
    /// They may speak of different things.
    Apart,
}

fn paired(ours: &View<'_>, theirs: &View<'_>) -> Option<Pairing> {
    if ours.figures.len() != theirs.figures.len() {
        return None;
    }
    let mut found = Pairing::Same;
    for (at, (figure, held)) in ours.figures.iter().zip(&theirs.figures).enumerate() {
        let pair = match (&figure.value, &held.value) {
            (Value::Amount(a), Value::Amount(b)) => amounts(ours, (figure, a), theirs, (held, b)),
            (Value::Date(a), Value::Date(b)) => dates_apart(ours, *a, *b),
            (Value::Clock(_), Value::Clock(_)) if compare(&figure.value, &held.value) == Agreement::Same => Pair::Same,
            (Value::Clock(_), Value::Clock(_)) => Pair::Differs(ReasonKind::Period),
            _ => Pair::Apart,
        };
        found = match (pair, found) {
            (Pair::Same, found) => found,
            (Pair::Differs(kind), Pairing::Same) => Pairing::Differs(at, kind),
            _ => return None,
        };
    }
    Some(found)
}

fn amounts(ours: &View<'_>, (figure, a): (&Figure, &Amount), theirs: &View<'_>, (held, b): (&Figure, &Amount)) -> Pair {
    if a.quantity.unit != b.quantity.unit || a.per != b.per || a.working != b.working {
        return Pair::Apart;
    }
    let same = compare(&figure.value, &held.value) == Agreement::Same
        || compare(&held.value, &figure.value) == Agreement::Same;
    let upper = |bound| matches!(bound, Bound::AtMost | Bound::LessThan);
    let lower = |bound| matches!(bound, Bound::AtLeast | Bound::MoreThan);
    let near = (a.quantity.value - b.quantity.value).abs() <= a.quantity.step.max(b.quantity.step);
    let counts = |view: &View<'_>, figure: &Figure| !is_rank(figure.span.of(&view.text.text));
    if same && a.bound == b.bound {
        Pair::Same
    } else if same && (upper(a.bound) && lower(b.bound) || lower(a.bound) && upper(b.bound)) {
        Pair::Differs(ReasonKind::Bound)
    } else if !same && a.bound == b.bound && !near && counts(ours, figure) && counts(theirs, held) {
        Pair::Differs(ReasonKind::Number)
    } else {
        Pair::Apart
    }
}

/// "the second meeting" is another one than the first, and half of something is no figure of it.
fn is_rank(written: &str) -> bool {
    const RANKS: &[&str] = &[
        "first",
        "second",
        "third",
        "fourth",
        "fifth",
        "sixth",
        "seventh",
        "eighth",
        "ninth",
        "tenth",
        "eleventh",
        "twelfth",
        "twentieth",
        "half",
        "double",
        "doubled",
        "triple",
        "tripled",
        "twice",
        "pair",
        "couple",
        "quarterly",
    ];
    let lower = written.to_lowercase();
    lower.split(|c: char| !c.is_alphanumeric()).any(|word| {
        let after = word.trim_start_matches(|c: char| c.is_ascii_digit());
        RANKS.contains(&word) || after.len() < word.len() && matches!(after, "st" | "nd" | "rd" | "th")
    })
}

/// How two dates differ. Another year or quarter is another period, of which another thing may hold; and what happened may have happened twice.
fn dates_apart(ours: &View<'_>, a: Date, b: Date) -> Pair {
    if a == b {
        return Pair::Same;
    }
    let is_alone = ours.figures.len() == 1;
    let finer = a.month.is_some() && b.month.is_some() && a.day.is_some() == b.day.is_some();
    let same_period = a.year == b.year && a.quarter.is_none() && b.quarter.is_none();
    if is_alone && finer && same_period && !tells_past(ours.text) {
        Pair::Differs(ReasonKind::Period)
    } else {
        Pair::Apart
    }
}

/// Words that say nothing of their own where all the others are the same.
const FILLERS: &[&str] = &[
    "receive",
    "receives",
    "received",
    "get",
    "gets",
    "give",
    "gives",
    "given",
    "have",
    "entitled",
    "entitlement",
    "amount",
    "amounts",
    "stand",
    "stands",
    "set",
    "equal",
    "equals",
    "run",
    "runs",
    "last",
    "lasts",
    "now",
    "currently",
    "still",
    "also",
    "however",
    "therefore",
    "thus",
    "total",
    "totals",
    "all",
    "each",
    "every",
    "hold",
    "holds",
    "granted",
];

/// Whether each word of either sentence is one of the other.
fn words_alike(ours: &View<'_>, theirs: &View<'_>) -> bool {
    lost(ours, theirs).is_empty() && lost(theirs, ours).is_empty() && common(ours, theirs) >= COMMON_MIN
}

/// The keys of `a` that `b` does not have, but for those of figures with their units and bounds: these are compared as figures.
fn lost<'a>(a: &'a View<'_>, b: &View<'_>) -> Vec<&'a Key> {
    let keys = a.keys.iter().filter(|key| {
        let span = a.text.words[key.words.start].span;
        let of_figure = a.figures.iter().any(|figure| figure.span.contains(span));
        let says_nothing = (key.words.len() == 1).then(|| a.folded(key.words.start)).is_some_and(|word| {
            matches!(key.kind, KeyKind::Word { .. }) && (FILLERS.contains(&word) || NEGATIONS.contains(&word))
        });
        !of_figure && !says_nothing && b.places(key).next().is_none()
    });
    keys.collect()
}

/// How many words and codes both have.
fn common(a: &View<'_>, b: &View<'_>) -> usize {
    let tells =
        |key: &&Key| matches!(key.kind, KeyKind::Word { .. } | KeyKind::Code(_)) && b.places(key).next().is_some();
    let held = a.keys.iter().filter(tells).count();
    // A unit and a rate are words, too: "the rent is £900 a month".
    let has_unit = a
        .figures
        .iter()
        .any(|figure| matches!(&figure.value, Value::Amount(amount) if !amount.quantity.unit.is_empty()));
    held + usize::from(has_unit)
}

/// How many words of negation a sentence has.
fn negations(view: &View<'_>) -> usize {
    let negates = |word: &&Word| {
        let word = word.folded.as_str();
        NEGATIONS.contains(&word) || word.ends_with("n't") || word.ends_with("n’t")
    };
    view.text.words.iter().filter(negates).count()
}

/// How two sentences with the same figures contradict each other.
fn contrary(ours: &View<'_>, theirs: &View<'_>) -> Option<Reason> {
    let (a, b) = (lost(ours, theirs), lost(theirs, ours));
    let opposed = match (a.as_slice(), b.as_slice()) {
        ([], []) => true,
        ([one], [other]) => opposite(&one.kind, &other.kind) && is_told(ours, one) && is_told(theirs, other),
        _ => false,
    };
    if common(ours, theirs) < COMMON_MIN {
        return None;
    }
    if !opposed {
        return renamed(ours, &a, theirs, &b);
    }
    let is_denial = |kind| matches!(kind, ReasonKind::Negation | ReasonKind::Opposite | ReasonKind::Modality);
    let denial = |reasons: Vec<Reason>| {
        let denies = reasons.iter().all(|reason| is_denial(reason.kind));
        if denies { reasons.into_iter().next() } else { None }
    };
    // What is a difference from one side only is none between equals.
    denial(measured(theirs.text, ours.text))?;
    denial(measured(ours.text, theirs.text))
}

/// What the check would hold against `claim`, were `held` all its evidence.
fn measured(claim: &Text, held: &Text) -> Vec<Reason> {
    let evidence = Evidence::new(&[held.text.as_str()]);
    let near: Vec<usize> = (0..evidence.sentences.len()).collect();
    Structure::measure(claim, &evidence, &near).reasons
}

/// Whether a reason is one of figures only, where the figures differ by `found`: with another role, order or duty, two figures need not
/// disagree. "Most" and "least" of a bound are no words of their own.
fn is_of_figures(kind: ReasonKind, found: ReasonKind) -> bool {
    use ReasonKind::{Bound, BoundDropped, Holder, Number, Opposite, Period, Quantifier, Unit};
    matches!(kind, Number | Period | Unit | Holder | Bound | BoundDropped)
        || found == Bound && matches!(kind, Opposite | Quantifier)
}

/// Whether a word is what a sentence tells of its subject: the north hall and the south hall are two halls, but what is open is not closed.
fn is_told(view: &View<'_>, key: &Key) -> bool {
    let at = key.words.start;
    let is_verb = is_verb_form(view.folded(at)) || (0..at).any(|before| is_auxiliary(view.folded(before)));
    is_verb && view.text.words.get(at + 1).is_none_or(|next| next.stop)
}

fn opposite(a: &KeyKind, b: &KeyKind) -> bool {
    match (a, b) {
        (KeyKind::Word { folded, stem }, KeyKind::Word { folded: other, stem: other_stem }) => {
            are_opposite((folded, stem), (other, other_stem))
        }
        _ => false,
    }
}

/// "The chief executive is Ann Lee" and "The chief executive is Tom Baker": all but the name after "is" is the same.
fn renamed(ours: &View<'_>, lost: &[&Key], theirs: &View<'_>, missing: &[&Key]) -> Option<Reason> {
    let (name, held) = (named(ours, lost)?, named(theirs, missing)?);
    let words = ours.text.words.iter().enumerate().filter(|(_, word)| name.span.contains(word.span));
    let at: Vec<usize> = words.map(|(at, _)| at).collect();
    let difference = Difference::nowhere(ReasonKind::Name, *at.first()?..at.last()? + 1);
    Some(reason(ours.text, &Difference { shown: held.span.of(&theirs.text.text).to_owned(), ..difference }))
}

/// The name that all of `lost` are words of, where the sentence says of the one holder of a post who that is.
fn named<'a>(view: &View<'a>, lost: &[&Key]) -> Option<&'a Name> {
    let first = lost.first()?.words.start;
    let word = |at: usize| view.text.words.get(at);
    let name = view.text.names.iter().find(|name| word(first).is_some_and(|word| name.span.contains(word.span)))?;
    let inside = |key: &&Key| key.words.clone().all(|at| word(at).is_some_and(|word| name.span.contains(word.span)));
    let start = view.text.words.iter().position(|word| name.span.contains(word.span))?;
    let is_told = start > 0 && is_be(view.folded(start - 1)) && view.folded(0) == "the" && !tells_past(view.text);
    (!name.unsure && is_told && lost.iter().all(inside)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(claim: &str, other: &str) -> Option<(&'static str, String)> {
        let (claim, other) = (Text::new(claim), Text::new(other));
        let idf = Idf::of_texts([claim.words.as_slice(), other.words.as_slice()]);
        disagreement(&claim, &other, &idf).map(|reason| (reason.kind.name(), reason.text))
    }

    #[test]
    fn one_figure_date_name_or_denial_is_a_disagreement() {
        for (claim, other, kind) in [
            (
                "Employees get 25 days of annual leave a year.",
                "All employees receive 26 days of annual leave a year.",
                "number",
            ),
            ("The notice period is three weeks.", "The notice period is two weeks.", "number"),
            ("Hotels in London cost at most £210 a night.", "Hotels in London cost at most £180 a night.", "number"),
            (
                "The lease of Ardmere House ends on 30 April 2026.",
                "The lease of Ardmere House ends on 30 June 2026.",
                "period",
            ),
            ("The desk opens at 9:00 on working days.", "The desk opens at 8:30 on working days.", "period"),
            ("Unused leave may be carried over.", "Unused leave may not be carried over.", "modality"),
            ("Travel by train is reimbursed.", "Travel by train is not reimbursed.", "negation"),
            (
                "Orders of at least 300 crates qualify for the rebate.",
                "Orders of at most 300 crates qualify for the rebate.",
                "bound",
            ),
            ("The chief executive is Ann Lee.", "The chief executive is Tom Baker.", "name"),
        ] {
            assert_eq!(found(claim, other).map(|found| found.0), Some(kind), "{claim} / {other}");
        }
        let (_, text) = found("The fee is £40 a year.", "The fee is £55 a year.").unwrap();
        assert_eq!(text, "the passage says “£55 a year”, the claim “£40 a year”");
    }

    #[test]
    fn what_may_speak_of_another_thing_is_none() {
        for (claim, other) in [
            // The same.
            ("Employees get 25 days of annual leave.", "All employees receive twenty-five days of annual leave."),
            ("The fee is £40 a year.", "The fee is £40 a year."),
            // Another year, month, entity, unit, rate, condition, time.
            ("Revenue in 2023 was £5 million.", "Revenue in 2024 was £6 million."),
            ("Revenue in 2023 was £5 million.", "Revenue in 2024 was £5 million."),
            ("The rent of Hall A is £12,000.", "The rent of Hall B is £18,500."),
            ("The lease of the north hall costs £38,400.", "The lease of the south hall costs £61,900."),
            ("Turnover was $31.6 million.", "Turnover was 30.2 million euros."),
            ("Repairs take eight weeks.", "Repairs take nine months."),
            ("The notice period is three weeks.", "The notice period is 14 days."),
            ("Repairs take eight working days.", "Repairs take nine days."),
            ("The charge is £900 a month.", "The charge is £9,000 a year."),
            ("The notice period is two weeks during the trial.", "The notice period is three weeks after the trial."),
            ("The notice period is two weeks.", "The notice period is three weeks if the trial is over."),
            ("Revenue rose by 5% last year.", "Revenue rose by 6% last year."),
            ("The fee is not £40 a year.", "The fee is £55 a year."),
            ("It costs £40 a year.", "It costs £55 a year."),
            ("The board met on 3 March 2024.", "The board met on 5 May 2024."),
            ("The second meeting takes place in London.", "The third meeting takes place in London."),
            ("The fee is about £40 million a year.", "The fee is £41 million a year."),
            ("According to the union, the fee is £40 a year.", "According to the union, the fee is £55 a year."),
            ("Unit | Rent | £40", "Unit | Rent | £55"),
            ("The guide of the tour is Ann Lee in Leeds.", "The guide of the tour is Tom Baker in York."),
            ("The shop in the north hall is closed.", "The shop in the south hall is closed."),
            ("The guide was Ann Lee on the tour.", "The guide was Tom Baker on the tour."),
        ] {
            assert_eq!(found(claim, other), None, "{claim} / {other}");
        }
    }

    #[test]
    fn what_happened_is_told_from_what_holds() {
        for (text, past) in [
            ("The repair cost was £5.", true),
            ("The board approved a dividend of 12 pence.", true),
            ("The fee is paid each year.", false),
            ("Employees get 25 days.", false),
        ] {
            assert_eq!(tells_past(&Text::new(text)), past, "{text}");
        }
    }
}
