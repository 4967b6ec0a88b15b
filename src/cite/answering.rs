//! A question and the sentences of passages to figures that tell which of them answers it; weighs none of them.

use super::evidence::{Evidence, Text, recall};
use super::lexical::{Idf, Word};
use super::names::holds_word;
use super::quantities::{Kind, Quantity, agrees};
use crate::sentences::item_marker;

/// Figures about one sentence, in the order of [`FEATURES`].
pub type Features = [f64; FEATURES.len()];

/// The names of the figures.
///
/// `recall`: the weighted share of the question's words in the sentence, words that the label has counting little. `recall_near`: the
/// share of them in it, its neighbours and the label. `has_kind`, `lacks_kind`: whether it holds what is asked for (a number, a sum, a span
/// of time, a date, a name, a reason), both 0 where anything may be asked for. `names_near`, `names_passage`: the share of the question's
/// name words that neither the neighbourhood nor the label has, or neither the whole passage nor the label. `figures_near`: the same of its
/// numbers and dates. `relevance`: the passage's, 0 to 1. `similarity`: the sentence's to the question. `similarity_gap`, `recall_gap`: how far
/// it stays behind the best sentence's. `pairs`: the share of the question's neighbouring words that it holds both of. `rarest`: whether it
/// holds the question's rarest word that the label lacks. `length`: its words, 1 from forty on. `prose`: whether it is a whole sentence.
/// `first`: one over the passage's rank. `label`: the share of the question's words that the label has.
pub const FEATURES: [&str; 17] = [
    "recall",
    "recall_near",
    "has_kind",
    "lacks_kind",
    "names_near",
    "names_passage",
    "figures_near",
    "relevance",
    "similarity",
    "similarity_gap",
    "recall_gap",
    "pairs",
    "rarest",
    "length",
    "prose",
    "first",
    "label",
];

/// Place of `names_passage` in [`FEATURES`].
pub(super) const NAMES_PASSAGE: usize = 5;
/// Places in [`FEATURES`] of the figures that compare with all sentences.
const SIMILARITY: usize = 8;
const RECALL: usize = 0;
const SIMILARITY_GAP: usize = 9;
const RECALL_GAP: usize = 10;

/// A word of the question that the label has already says this share of what another word says.
const LABEL_SHARE: f32 = 0.2;

/// What a question asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Money,
    Share,
    Number,
    Time,
    Date,
    Name,
    Reason,
    Other,
}

/// The figures of the sentences `places` of `evidence`, in their order. `labels` and `relevances` are those of the passages, `similarities`
/// those of all sentences.
#[must_use]
pub fn answer_features(
    question: &Text,
    labels: &[Text],
    relevances: &[f32],
    evidence: &Evidence,
    similarities: &[f32],
    places: &[usize],
) -> Vec<Features> {
    let asking = Asking::new(question, &evidence.idf);
    let passages: Vec<InPassage> =
        (0..labels.len()).map(|index| asking.passage(index, &labels[index], relevances[index], evidence)).collect();
    let mut all: Vec<Features> = places
        .iter()
        .map(|&at| asking.features(&passages[evidence.sentences[at].index], evidence, similarities[at], at))
        .collect();
    for (part, gap) in [(SIMILARITY, SIMILARITY_GAP), (RECALL, RECALL_GAP)] {
        let best = all.iter().map(|features| features[part]).fold(f64::NEG_INFINITY, f64::max);
        all.iter_mut().for_each(|features| features[gap] = features[part] - best);
    }
    all
}

/// A question with what is compared.
struct Asking<'a> {
    text: &'a Text,
    content: Vec<(&'a Word, f32)>,
    names: Vec<&'a Word>,
    asked: Asked,
}

/// A question before one passage.
struct InPassage<'a> {
    label: &'a Text,
    relevance: f32,
    /// Weights of the question's words where the label's count little.
    own: Vec<(&'a Word, f32)>,
    rarest: Option<&'a Word>,
    names_missing: f64,
    label_recall: f32,
    first: f64,
}

impl<'a> Asking<'a> {
    fn new(text: &'a Text, idf: &Idf) -> Self {
        let in_name = |word: &&Word| {
            text.names
                .iter()
                .any(|name| !name.unsure && name.span.contains(word.span) && name.words.contains(&word.folded))
        };
        let names = text.words.iter().filter(in_name).collect();
        Self { text, content: content(text, idf), names, asked: asked(text) }
    }

    fn passage(&self, index: usize, label: &'a Text, relevance: f32, evidence: &Evidence) -> InPassage<'a> {
        let own: Vec<(&Word, f32)> = self
            .content
            .iter()
            .map(|&(word, weight)| (word, if label.holds(word) { weight * LABEL_SHARE } else { weight }))
            .collect();
        let rarest = own.iter().max_by(|a, b| a.1.total_cmp(&b.1)).map(|(word, _)| *word);
        let texts: Vec<&Text> = evidence
            .sentences
            .iter()
            .filter(|sentence| sentence.index == index)
            .map(|sentence| &sentence.text)
            .chain([label])
            .collect();
        InPassage {
            label,
            relevance,
            rarest,
            names_missing: self.names_missing(&texts),
            label_recall: recall(&self.content, |word| label.holds(word)),
            first: 1.0 / (1.0 + index as f64),
            own,
        }
    }

    fn features(&self, passage: &InPassage<'_>, evidence: &Evidence, similarity: f32, at: usize) -> Features {
        let sentence = &evidence.sentences[at];
        let text = &sentence.text;
        let near: Vec<&Text> = (at.saturating_sub(1)..(at + 2).min(evidence.sentences.len()))
            .map(|near| &evidence.sentences[near])
            .filter(|near| near.index == sentence.index)
            .map(|near| &near.text)
            .chain([passage.label])
            .collect();
        let alone = f64::from(recall(&passage.own, |word| text.holds(word)));
        let together = f64::from(recall(&self.content, |word| near.iter().any(|text| text.holds(word))));
        let (has_kind, lacks_kind) = match self.has_kind(text) {
            None => (0.0, 0.0),
            Some(true) => (1.0, 0.0),
            Some(false) => (0.0, 1.0),
        };
        let pairs = self.content.windows(2).filter(|pair| pair.iter().all(|(word, _)| text.holds(word))).count();
        let words = text.words.len();
        let ends = text.text.trim_end_matches(['"', '”', '\'', '’', ')', ']', '*']).ends_with(['.', '!', ';', '。']);
        [
            alone,
            together,
            has_kind,
            lacks_kind,
            self.names_missing(&near),
            passage.names_missing,
            self.figures_missing(&near),
            f64::from(passage.relevance),
            f64::from(similarity),
            0.0,
            0.0,
            pairs as f64 / (self.content.len() as f64 - 1.0).max(1.0),
            share(passage.rarest.is_some_and(|word| text.holds(word))),
            words.min(40) as f64 / 40.0,
            share(ends && words >= 6),
            passage.first,
            f64::from(passage.label_recall),
        ]
    }

    /// Whether `text` holds what is asked for and the question does not have; `None` where anything may be asked for.
    fn has_kind(&self, text: &Text) -> Option<bool> {
        let quantity = |wanted: &dyn Fn(&Quantity) -> bool| Some(has_new_quantity(self.text, text, wanted));
        match self.asked {
            Asked::Other => None,
            Asked::Money => quantity(&|held| CURRENCIES.contains(&held.unit.as_str())),
            Asked::Share => quantity(&|held| held.unit == "%" || held.unit.starts_with("percent")),
            Asked::Number => quantity(&|held| held.kind == Kind::Number),
            Asked::Time => quantity(&|held| TIMES.iter().any(|time| held.unit.starts_with(time))),
            Asked::Date => quantity(&|held| held.kind != Kind::Number),
            Asked::Name => Some(has_new_name(self.text, text)),
            Asked::Reason => Some(text.words.iter().any(|word| REASONS.contains(&word.folded.as_str()))),
        }
    }

    /// The share of the question's name words that none of `texts` has, 0 to 1.
    fn names_missing(&self, texts: &[&Text]) -> f64 {
        let has = |key: &str| texts.iter().any(|text| text.has.contains(key));
        let lost = self.names.iter().filter(|word| !holds_word(&word.folded, &word.stem, has)).count();
        lost as f64 / (self.names.len() as f64).max(1.0)
    }

    /// The share of the question's numbers and dates that none of `texts` has, 0 to 1.
    fn figures_missing(&self, texts: &[&Text]) -> f64 {
        let same = |asked: &Quantity, held: &Quantity| agrees(asked, held) && asked.unit == held.unit;
        let held = |asked: &Quantity| texts.iter().any(|text| text.quantities.iter().any(|held| same(asked, held)));
        let lost = self.text.quantities.iter().filter(|asked| !held(asked)).count();
        lost as f64 / (self.text.quantities.len() as f64).max(1.0)
    }
}

/// The question's words with content, without the word that asks for a measure ("how *long*").
fn content<'a>(question: &'a Text, idf: &Idf) -> Vec<(&'a Word, f32)> {
    let measure = question.words.iter().position(|word| word.folded == "how").map(|at| at + 1);
    let measure = measure.and_then(|at| question.words.get(at)).filter(|word| MEASURES.contains(&word.folded.as_str()));
    let content = question.content(idf).into_iter();
    content.filter(|(word, _)| measure.is_none_or(|measure| measure.span != word.span)).collect()
}

/// Units of time, as the stems of quantities begin.
const TIMES: &[&str] = &["second", "minut", "hour", "day", "week", "month", "quarter", "year"];
/// Measures that ask for a span of time.
const DURATIONS: &[&str] = &["long", "soon", "quickly", "fast", "old", "often"];
/// Words that give a reason.
const REASONS: &[&str] = &[
    "because",
    "due",
    "reason",
    "reasons",
    "cause",
    "caused",
    "causes",
    "since",
    "therefore",
    "resulted",
    "led",
    "owing",
];
const MEASURES: &[&str] = &[
    "many", "much", "long", "old", "often", "soon", "quickly", "big", "large", "high", "full", "far", "tall", "fast",
    "wide",
];
/// Nouns that ask for an amount of money.
const MONEY: &[&str] =
    &["price", "revenue", "ebitda", "rent", "salary", "money", "capital", "sales", "turnover", "materiality", "loan"];
/// Units of money in their normal form.
const CURRENCIES: &[&str] = &["$", "€", "£", "¥"];
/// Nouns that ask for a number.
const NUMBERS: &[&str] = &[
    "percentage",
    "percent",
    "share",
    "amount",
    "number",
    "total",
    "multiple",
    "price",
    "fee",
    "revenue",
    "rate",
    "cost",
    "value",
    "size",
    "score",
    "discount",
    "credit",
    "leverage",
    "margin",
];

fn asked(question: &Text) -> Asked {
    let words: Vec<&str> = question.words.iter().map(|word| word.folded.as_str()).collect();
    let has = |list: &[&str]| words.iter().any(|word| list.contains(word));
    let after_how = words.iter().zip(words.iter().skip(1)).find(|(word, _)| **word == "how").map(|(_, next)| *next);
    if after_how.is_some_and(|next| DURATIONS.contains(&next)) {
        Asked::Time
    } else if has(&["percentage", "percent"])
        || has(&["what", "which", "how"]) && has(&["share", "margin", "proportion"])
    {
        Asked::Share
    } else if has(&["cost", "costs", "costing"]) || has(&["what", "which", "much"]) && has(MONEY) {
        Asked::Money
    } else if has(&["when"]) || has(&["what", "which", "by"]) && has(&["year", "date", "day", "month"]) {
        Asked::Date
    } else if after_how.is_some_and(|next| MEASURES.contains(&next)) || has(&["what", "which"]) && has(NUMBERS) {
        Asked::Number
    } else if has(&["who", "whom", "whose"]) {
        Asked::Name
    } else if has(&["why"]) {
        Asked::Reason
    } else {
        Asked::Other
    }
}

fn share(is_so: bool) -> f64 {
    f64::from(u8::from(is_so))
}

fn has_new_quantity(question: &Text, text: &Text, wanted: &dyn Fn(&Quantity) -> bool) -> bool {
    let marker = item_marker(&text.text);
    let mut held = text.quantities.iter().filter(|held| wanted(held) && held.span.start >= marker);
    held.any(|held| !question.quantities.iter().any(|asked| agrees(asked, held)))
}

fn has_new_name(question: &Text, text: &Text) -> bool {
    text.names.iter().any(|name| name.words.iter().any(|word| !question.has.contains(word)))
}
