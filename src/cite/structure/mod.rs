//! A claim and the sentences near it to the differences that change meaning, each with a reason that a reader understands; spelled-out
//! rules only: weighs nothing and gives no verdict.

mod arithmetic;
mod clock;
mod comparison;
mod disagreement;
mod figures;
mod holders;
mod modality;
mod roles;
mod segments;
mod statements;
mod view;
mod words;

use std::ops::Range;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) use self::disagreement::{Dated, dates, disagreement, is_named, says_the_same, tells_past};
use self::view::{Held, View};
pub(crate) use self::view::{codes, header_of, heading_of};
use super::evidence::{Evidence, Text, recall};
use super::names::{holds_word, initials};
use crate::document::ByteSpan;
use crate::sentences::item_marker;

/// What differs between a claim and its evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReasonKind {
    /// A number that the evidence does not have, or has another one in place of.
    Number,
    /// A number that the evidence says of something else: another row, column, clause or party.
    Holder,
    /// The same number in another unit, currency, scale or rate.
    Unit,
    /// Another date, year or time.
    Period,
    /// A limit to the other side.
    Bound,
    /// A limit told as a value, or a value as a limit.
    BoundDropped,
    /// A value that was replaced.
    Superseded,
    /// A comparison that the figures do not bear out.
    Comparison,
    /// Two parties in each other's place.
    Roles,
    /// One is negated and the other is not.
    Negation,
    /// A word of opposite meaning.
    Opposite,
    /// A permission for a prohibition, a choice for a duty.
    Modality,
    /// A duty for a permission, or the like.
    ModalityShift,
    /// All for some, most for few.
    Quantifier,
    /// "Only", where the evidence says no such thing.
    Only,
    /// Before for after, as soon as for after.
    Order,
    /// A condition that the claim leaves out.
    Condition,
    /// An exception that the claim leaves out.
    Exception,
    /// That somebody says so, which the claim leaves out.
    Source,
    /// That it is denied, planned, expected or supposed, which the claim leaves out.
    Doubt,
    /// A language model that read both finds that the evidence does not say it; comparing never gives this kind.
    Judge,
    /// A name that the evidence does not have.
    Name,
}

impl ReasonKind {
    /// All kinds that comparing finds, in the order of the features.
    pub const ALL: [Self; 21] = [
        Self::Number,
        Self::Holder,
        Self::Unit,
        Self::Period,
        Self::Bound,
        Self::BoundDropped,
        Self::Superseded,
        Self::Comparison,
        Self::Roles,
        Self::Negation,
        Self::Opposite,
        Self::Modality,
        Self::ModalityShift,
        Self::Quantifier,
        Self::Only,
        Self::Order,
        Self::Condition,
        Self::Exception,
        Self::Source,
        Self::Doubt,
        Self::Name,
    ];

    /// The name used in JSON and as a feature.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Holder => "holder",
            Self::Unit => "unit",
            Self::Period => "period",
            Self::Bound => "bound",
            Self::BoundDropped => "bound_dropped",
            Self::Superseded => "superseded",
            Self::Comparison => "comparison",
            Self::Roles => "roles",
            Self::Negation => "negation",
            Self::Opposite => "opposite",
            Self::Modality => "modality",
            Self::ModalityShift => "modality_shift",
            Self::Quantifier => "quantifier",
            Self::Only => "only",
            Self::Order => "order",
            Self::Condition => "condition",
            Self::Exception => "exception",
            Self::Source => "source",
            Self::Doubt => "doubt",
            Self::Judge => "judge",
            Self::Name => "name",
        }
    }

    /// Whether the claim merely leaves something out, which its reader should know even where the rest is borne out.
    #[must_use]
    pub fn is_left_out(self) -> bool {
        matches!(self, Self::Condition | Self::Exception | Self::Source | Self::Doubt)
    }

    /// How much a difference says that the claim is false, for choosing between places; 1 to 3.
    fn severity(self) -> u32 {
        match self {
            Self::BoundDropped
            | Self::ModalityShift
            | Self::Source
            | Self::Exception
            | Self::Quantifier
            | Self::Name => 1,
            Self::Condition | Self::Doubt | Self::Only | Self::Order => 2,
            _ => 3,
        }
    }

    /// Whether the evidence says otherwise, and not merely less.
    #[must_use]
    pub fn is_contrary(self) -> bool {
        matches!(
            self,
            Self::Number
                | Self::Holder
                | Self::Unit
                | Self::Period
                | Self::Bound
                | Self::Comparison
                | Self::Roles
                | Self::Negation
                | Self::Opposite
                | Self::Modality
                | Self::Superseded
        )
    }
}

/// Places that are less near in words are not shown to a reader.
const SHOWN_MIN: f32 = 0.4;

/// What differs, as found: places in words.
#[derive(Debug, Clone, PartialEq)]
struct Difference {
    kind: ReasonKind,
    words: Range<usize>,
    /// The claim's words as a reader is shown them, where they are more than `words`.
    span: Option<ByteSpan>,
    sentence: Option<usize>,
    shown: String,
    /// How near in words the two places are, 0 to 1: a difference between statements that hardly share a word says little.
    strength: f32,
}

impl Difference {
    fn new(kind: ReasonKind, words: Range<usize>, held: &Held<'_>, shown: String) -> Self {
        Self { kind, words, span: None, sentence: Some(held.at), shown, strength: 1.0 }
    }

    /// A difference to which the evidence has nothing to show.
    fn nowhere(kind: ReasonKind, words: Range<usize>) -> Self {
        Self { kind, words, span: None, sentence: None, shown: String::new(), strength: 1.0 }
    }

    /// The same difference, of the claim's figure at `span`.
    fn of(self, span: ByteSpan) -> Self {
        Self { span: Some(span), ..self }
    }

    fn measured(self, strength: f32) -> Self {
        Self { strength, ..self }
    }
}

/// A difference that a reader is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reason {
    /// What kind of difference it is.
    pub kind: ReasonKind,
    /// First byte of the claim's words, and one past the last.
    pub claim: [usize; 2],
    /// The words of the evidence that say otherwise; empty where it says nothing.
    pub evidence: String,
    /// One sentence that says both.
    pub text: String,
}

/// What comparing a claim with the sentences near it gave.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Structure {
    /// The differences, the gravest first.
    pub reasons: Vec<Reason>,
    /// The sentence that each reason quotes, a place in [`Evidence::sentences`].
    pub places: Vec<Option<usize>>,
    /// The share of the claim, by weight, that stands together in one place, 0 to 1.
    pub together: f32,
    /// How strongly each kind occurs, in the order of [`ReasonKind::ALL`]: how near in words the places are, summed, at most 2.
    pub counts: [f32; ReasonKind::ALL.len()],
}

impl Structure {
    /// Compares `claim` with the sentences `near` of `evidence`.
    #[must_use]
    pub fn measure(claim: &Text, evidence: &Evidence, near: &[usize]) -> Self {
        let view = View::new(claim, &evidence.idf);
        let held: Vec<Held<'_>> = near.iter().map(|&at| Held::new(evidence, at)).collect();
        let statements = statements::compare(&view, &held);
        let mut differences = holders::differences(&view, &held);
        differences.extend(comparison::difference(&view, &held));
        differences.extend(statements.differences);
        differences.extend(held.iter().filter_map(|held| denied(&view, held, evidence)));
        differences.extend(names(claim, evidence).into_iter().map(|difference| difference.measured(1.0)));
        differences.sort_by_key(|difference| std::cmp::Reverse(difference.kind.severity()));
        let mut found = Self { together: statements.together, ..Self::default() };
        for difference in differences {
            let kind = ReasonKind::ALL.iter().position(|kind| *kind == difference.kind).unwrap_or(0);
            found.counts[kind] = (found.counts[kind] + difference.strength.clamp(0.0, 1.0)).min(2.0);
            let reason = reason(claim, &difference);
            if difference.strength >= SHOWN_MIN && !found.reasons.contains(&reason) {
                found.reasons.push(reason);
                found.places.push(difference.sentence);
            }
        }
        found
    }

    /// Whether some reason says that the evidence says otherwise.
    #[must_use]
    pub fn is_contrary(&self) -> bool {
        self.reasons.iter().zip(&self.places).any(|(reason, place)| place.is_some() && reason.kind.is_contrary())
    }
}

/// Words of a line before a list, or of a heading, that say that what stands there does not hold.
const DENIALS: &[&str] = &[
    "false",
    "incorrect",
    "untrue",
    "myth",
    "myths",
    "misconception",
    "misconceptions",
    "withdrawn",
    "repealed",
    "obsolete",
    "superseded",
];
/// From this share of the claim's words in an item on it is the item that the claim says.
const ITEM_MIN: f32 = 0.6;

/// An item of a list, or a sentence below a heading, whose line above says that it does not hold: "The following statements are false:".
fn denied(claim: &View<'_>, held: &Held<'_>, evidence: &Evidence) -> Option<Difference> {
    let content = claim.text.content(&evidence.idf);
    if recall(&content, |word| held.view.text.holds(word)) < ITEM_MIN {
        return None;
    }
    let line = denial_above(evidence, held.at)?;
    let line = &evidence.sentences[line].text;
    // A claim that says so itself is borne out.
    let says = |text: &Text| text.words.iter().any(|word| DENIALS.contains(&word.folded.as_str()));
    (!says(claim.text))
        .then(|| Difference::new(ReasonKind::Negation, 0..claim.text.words.len(), held, line.text.clone()))
}

/// The line above the sentence `at`, before its list or as its heading, that says that it does not hold.
pub(crate) fn denial_above(evidence: &Evidence, at: usize) -> Option<usize> {
    let says = |at: usize| evidence.sentences[at].text.words.iter().any(|word| DENIALS.contains(&word.folded.as_str()));
    let is_item = |at: usize| {
        let sentence = &evidence.sentences[at];
        let text = &evidence.texts[sentence.index];
        let line = text[..sentence.span.start].rfind('\n').map_or(0, |end| end + 1);
        item_marker(&text[line..sentence.span.end]) > 0
    };
    let mut above = at;
    while is_item(above) {
        let Some(before) = evidence.before(above) else { break };
        if evidence.sentences[before].text.text.trim_end().ends_with(':') {
            return says(before).then_some(before);
        }
        above = before;
    }
    heading_of(evidence, at).filter(|&heading| says(heading))
}

/// Names of the claim that the evidence lacks some word of. A word that merely opens a sentence may be no name.
fn names(claim: &Text, evidence: &Evidence) -> Vec<Difference> {
    let any = |key: &str| evidence.sentences.iter().any(|sentence| sentence.text.has.contains(key));
    // "AS" may be short for Ann Smith; "as" is not.
    let in_capitals = |letters: &str| {
        let words =
            evidence.sentences.iter().flat_map(|sentence| sentence.text.words.iter().map(move |word| (sentence, word)));
        words.filter(|(_, word)| word.folded == letters).any(|(sentence, word)| {
            word.span.of(&sentence.text.text).chars().filter(|c| c.is_alphabetic()).all(char::is_uppercase)
        })
    };
    let mut found = Vec::new();
    for name in claim.names.iter().filter(|name| !name.unsure) {
        if initials(name).is_some_and(|letters| in_capitals(&letters)) {
            continue;
        }
        let words = claim
            .words
            .iter()
            .enumerate()
            .filter(|(_, word)| name.words.contains(&word.folded) && name.span.contains(word.span));
        let lost = words.into_iter().find(|(_, word)| !holds_word(&word.folded, &word.stem, any));
        found.extend(lost.map(|(at, _)| Difference::nowhere(ReasonKind::Name, at..at + 1)));
    }
    found
}

fn reason(claim: &Text, difference: &Difference) -> Reason {
    let words =
        &claim.words[difference.words.start.min(claim.words.len())..difference.words.end.min(claim.words.len())];
    let span = match (difference.span, words.first(), words.last()) {
        (Some(span), ..) => [span.start, span.end],
        (None, Some(first), Some(last)) => [first.span.start, last.span.end],
        _ => [0, claim.text.len()],
    };
    let ours = &claim.text[span[0]..span[1]];
    let theirs = difference.shown.split_whitespace().collect::<Vec<_>>().join(" ");
    Reason { kind: difference.kind, claim: span, text: sentence(difference.kind, ours, &theirs), evidence: theirs }
}

/// One sentence that says what differs.
fn sentence(kind: ReasonKind, ours: &str, theirs: &str) -> String {
    if theirs.is_empty() {
        return match kind {
            ReasonKind::Name => format!("no passage names “{ours}”"),
            _ => format!("no passage says “{ours}”"),
        };
    }
    match kind {
        ReasonKind::Holder => format!("the passage says “{ours}” of something else; for this it says “{theirs}”"),
        ReasonKind::Unit => format!("the passage says “{theirs}”, the claim “{ours}”, in another unit"),
        ReasonKind::Bound => format!("the passage sets the limit “{theirs}”, the claim one to the other side"),
        ReasonKind::BoundDropped => format!("the passage says “{theirs}”, which the claim does not keep as a limit"),
        ReasonKind::Superseded => format!("“{ours}” was replaced: the passage says “{theirs}”"),
        ReasonKind::Comparison => format!("the figures are {theirs}, which is not “{ours}”"),
        ReasonKind::Roles => format!("the passage has it the other way round: “{theirs}”"),
        ReasonKind::Only => format!("the passage does not say “{ours}”"),
        ReasonKind::Condition => format!("the claim leaves out the condition “{theirs}”"),
        ReasonKind::Exception => format!("the claim leaves out the exception “{theirs}”"),
        ReasonKind::Source => format!("the claim leaves out who says so: “{theirs}”"),
        ReasonKind::Doubt => format!("the passage does not state it as a fact: “{theirs}”"),
        _ => format!("the passage says “{theirs}”, the claim “{ours}”"),
    }
}

#[cfg(test)]
mod tests;
