//! A claim and its evidence to a verdict with method, score and place; pure, and knows no model but the coefficients it is given.

use std::collections::HashSet;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::evidence::{Evidence, Text};
use super::features::{FEATURES, Features, READ, VECTORS, WORDS};
use super::logistic::{Logistic, probability};
use super::structure::Reason;
use super::verbatim;
use crate::document::ByteSpan;

/// What the evidence says about a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It says so.
    Supported,
    /// It says part of it, or the score is too low to say more.
    Partial,
    /// It says otherwise.
    Contradicted,
    /// It does not say so.
    Unsupported,
    /// There was nothing to compare.
    Unchecked,
}

/// A place in the evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceSpan {
    /// Which evidence text.
    pub index: usize,
    /// Where in that text.
    pub span: ByteSpan,
}

/// A verdict with how it was reached.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checked {
    /// The verdict.
    pub verdict: Verdict,
    /// Name and version of the method that decided: [`VERBATIM`], [`STRUCTURE`] or [`ENTAILMENT`].
    pub method: String,
    /// Probability that the evidence supports the whole claim, 0 to 1, as calibrated on the data named in the model.
    pub score: f32,
    /// The sentences that bear it out or contradict it, the most telling first.
    pub evidence: Vec<EvidenceSpan>,
    /// What differs between claim and evidence; of a supported claim, what it leaves out of the sentence that bears it out: a condition, an
    /// exception, who says so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<Reason>,
}

/// A claim that scores less than [`Scale::supported_min`] is partly borne out from this score on.
pub const PARTIAL_MIN: f32 = 0.2;
/// A claim of which the evidence says otherwise, and which scores below [`PARTIAL_MIN`], scores no more than this.
pub const CONTRARY_SCORE_MAX: f32 = 0.1;
/// Without a reader, sentences that together hold less of a claim than this share of the weight of its words say nothing about it.
const RECALL_MIN: f32 = 0.3;
/// From this share of its keys in one place on a claim stands together there.
const PLAIN_MIN: f64 = 0.95;
/// The log odds that this adds: four fifths of what it says alone, since other features say part of it.
const PLAIN_ODDS: f64 = 1.6;
/// Log odds of what needs no figures, beyond all that the figures give.
const CERTAIN: f64 = 50.0;
/// Sentences compared closely for each claim.
pub const NEAR_MAX: usize = 8;

/// The method where the claim stands there word for word.
pub const VERBATIM: &str = "verbatim/1";
/// The method where what differs decided, or no model reads.
pub const STRUCTURE: &str = "structure/1";
/// The method where a model read both.
pub const ENTAILMENT: &str = "entailment/1";

/// The coefficients, as fitted by `ibid eval claims --fit`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VerdictModel {
    /// The names of the features that the weights belong to, in order.
    pub features: Vec<String>,
    /// Over the features of words alone, for when there is no model at hand.
    pub words: Scale,
    /// Over these and the likeness of token vectors.
    pub vectors: Scale,
    /// Over all.
    pub read: Scale,
}

/// A score and from where on it means support.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scale {
    /// From this score on a claim is supported, 0 to 1.
    pub supported_min: f32,
    /// The score.
    pub odds: Logistic,
}

impl VerdictModel {
    /// The coefficients that come with the program.
    ///
    /// # Panics
    /// Never: a test reads them.
    #[must_use]
    pub fn shipped() -> &'static Self {
        static SHIPPED: LazyLock<VerdictModel> = LazyLock::new(|| {
            let model: VerdictModel =
                toml::from_str(include_str!("verdict_model.toml")).expect("the shipped model is valid");
            assert_eq!(model.features, *FEATURES, "the shipped model is for these features");
            model
        });
        &SHIPPED
    }

    /// Whether the likeness of token vectors counts, with a reader or without: where it does not, nothing need be encoded.
    #[must_use]
    pub fn weighs_vectors(&self, with_reader: bool) -> bool {
        let scale = if with_reader { &self.read } else { &self.vectors };
        scale.odds.weights.get(WORDS).is_none_or(|weight| *weight != 0.0)
    }

    /// The coefficients for so many features.
    fn of(&self, width: usize) -> &Scale {
        match width {
            READ => &self.read,
            VECTORS => &self.vectors,
            _ => &self.words,
        }
    }

    /// The log odds of support of a row of features.
    #[must_use]
    pub fn decide(&self, values: &[f64]) -> f64 {
        self.of(values.len()).odds.decide(values) + plain(values)
    }

    /// The probability of support.
    #[must_use]
    pub fn score(&self, features: &Features) -> f32 {
        probability(self.decide(&features.values())) as f32
    }
}

/// What it adds that a claim stands together in one place, word for word or nearly, and differs in nothing: of the pairs that nothing was
/// trained on, 0.86 of 837 such ones are supported, of all 0.45. One line of features cannot say so.
fn plain(values: &[f64]) -> f64 {
    let differs = values[2..WORDS].iter().any(|count| *count > 0.0);
    if values[1] >= PLAIN_MIN && !differs { PLAIN_ODDS } else { 0.0 }
}

/// All that the verdict on a claim follows from, apart from the coefficients.
#[derive(Debug, Clone)]
pub(crate) enum Assessment {
    /// The claim has no word with content.
    Wordless,
    /// The claim stands there word for word.
    Verbatim(EvidenceSpan),
    /// No sentence shares a word with it.
    Apart,
    /// The claim was compared.
    Measured(Features),
}

impl Assessment {
    /// What can be told without any model: `None` where the claim has to be measured.
    pub(crate) fn at_once(claim: &Text, evidence: &Evidence) -> Option<Self> {
        if !claim.words.iter().any(|word| !word.stop) {
            return Some(Self::Wordless);
        }
        verbatim::find(&claim.text, evidence).map(Self::Verbatim)
    }

    /// Compares `claim`, of which nothing can be told at once, with the sentences near it; `entails` is the best probability that a reader
    /// gave. Token vectors of the claim and of the near sentences ([`Evidence::shortlist`] with [`NEAR_MAX`]) count where they are there.
    pub(crate) fn measured(claim: &Text, evidence: &Evidence, entails: Option<f32>) -> Self {
        let near = evidence.shortlist(claim, NEAR_MAX);
        let features = Features::measure(claim, evidence, &near, entails);
        // A word in common is nothing in common, and without a model that reads there is nothing else to go by.
        if entails.is_none() && features.recall_three < RECALL_MIN {
            return Self::Apart;
        }
        Self::Measured(features)
    }

    /// The row of features; `None` where the claim was not measured.
    pub(crate) fn values(&self) -> Option<Vec<f64>> {
        if let Self::Measured(features) = self { Some(features.values()) } else { None }
    }

    /// The log odds of support, where `decide` gives those of a row of features.
    pub(crate) fn odds(&self, decide: impl Fn(&[f64]) -> f64) -> f64 {
        match self {
            Self::Verbatim(_) => CERTAIN,
            Self::Wordless | Self::Apart => -CERTAIN,
            Self::Measured(features) => decide(&features.values()),
        }
    }

    /// The verdict and the probability of support.
    pub(crate) fn verdict(&self, model: &VerdictModel) -> (Verdict, f32) {
        match self {
            Self::Wordless => (Verdict::Unchecked, 0.0),
            Self::Verbatim(_) => (Verdict::Supported, 1.0),
            Self::Apart => (Verdict::Unsupported, 0.0),
            Self::Measured(features) => {
                let score = model.score(features);
                let supported_min = model.of(features.values().len()).supported_min;
                match score {
                    score if score >= supported_min => (Verdict::Supported, score),
                    score if features.structure.is_contrary() => (Verdict::Contradicted, score.min(CONTRARY_SCORE_MAX)),
                    score if score >= PARTIAL_MIN.min(supported_min / 2.0) => (Verdict::Partial, score),
                    score => (Verdict::Unsupported, score),
                }
            }
        }
    }

    /// The verdict with all that a reader is shown.
    pub(crate) fn checked(&self, evidence: &Evidence, model: &VerdictModel) -> Checked {
        let (verdict, score) = self.verdict(model);
        let place = |at: usize| {
            let sentence = &evidence.sentences[at];
            EvidenceSpan { index: sentence.index, span: sentence.span }
        };
        let (method, evidence, reasons) = match self {
            Self::Wordless => ("none", vec![], vec![]),
            Self::Verbatim(place) => (VERBATIM, vec![*place], vec![]),
            Self::Apart => (STRUCTURE, vec![], vec![]),
            Self::Measured(features) => {
                let differs = verdict != Verdict::Supported && !features.structure.reasons.is_empty();
                let method = if features.entails.is_none() || differs { STRUCTURE } else { ENTAILMENT };
                // What a reason quotes is shown before what merely shares words.
                let quoted = features.structure.places.iter().flatten().copied();
                let mut places: Vec<usize> = if differs {
                    quoted.chain(features.sentences.iter().copied()).collect()
                } else {
                    features.sentences.clone()
                };
                let mut seen = HashSet::new();
                places.retain(|place| seen.insert(*place));
                let mut reasons = features.structure.reasons.clone();
                if verdict == Verdict::Supported {
                    // What differs in places that do not matter is no reason; what is left out of the place that bears it out is one.
                    let first = features.sentences.first().copied();
                    let left_out: Vec<bool> = reasons
                        .iter()
                        .zip(&features.structure.places)
                        .map(|(reason, place)| reason.kind.is_left_out() && *place == first)
                        .collect();
                    let mut kept = left_out.into_iter();
                    reasons.retain(|_| kept.next().unwrap_or(false));
                }
                (method, places.into_iter().map(place).collect(), reasons)
            }
        };
        Checked { verdict, method: method.into(), score, evidence, reasons }
    }
}

/// Checks one claim against the evidence, without a reader.
///
/// Sentences that say the same word for word decide alone. Else the score does, to which every difference that is found counts.
/// Token vectors of the claim and of the near sentences ([`Evidence::shortlist`] with [`NEAR_MAX`]) sharpen it.
#[must_use]
pub fn check(claim: &Text, evidence: &Evidence, model: &VerdictModel) -> Checked {
    let assessed = Assessment::at_once(claim, evidence).unwrap_or_else(|| Assessment::measured(claim, evidence, None));
    assessed.checked(evidence, model)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVIDENCE: &str = "Ardmere Pumps plc reported revenue of $4.2 billion for the year ended 31 March 2023. Costs were \
        lower than in 2022. The board approved a dividend of 12 pence per share. Helen Marsh, the chief executive, said that \
        the Leeds plant will close in June. The covenant was tested by Northway Bank and was not breached. \
        Revenue of the Marine division rose by 8% to 310 million.";

    fn judge(claim: &str) -> Checked {
        check(&Text::new(claim), &Evidence::new(&["Nothing of note.", EVIDENCE]), VerdictModel::shipped())
    }

    #[test]
    fn word_for_word_is_supported_wherever_lines_break() {
        let found = judge("The board approved a dividend of 12 pence  per share");
        assert_eq!((found.verdict, found.method.as_str()), (Verdict::Supported, "verbatim/1"));
        assert_eq!(found.evidence[0].index, 1);
        assert_eq!(found.evidence[0].span.of(EVIDENCE), "The board approved a dividend of 12 pence per share.");
        let evidence = Evidence::new(&["- The covenant was\ntested by Northway Bank. [3]\n\nMore."]);
        let found = check(&Text::new("The covenant was tested by Northway Bank."), &evidence, VerdictModel::shipped());
        assert_eq!(found.method, "verbatim/1");
    }

    #[test]
    fn part_of_a_sentence_is_not_word_for_word() {
        let evidence = Evidence::new(&["Nobody claims that the fee is waived."]);
        let found = check(&Text::new("The fee is waived."), &evidence, VerdictModel::shipped());
        assert_ne!(found.method, "verbatim/1");
        assert_ne!(found.verdict, Verdict::Supported);
    }

    #[test]
    fn other_words_for_the_same_are_supported() {
        for claim in [
            "For the year ended 31 March 2023, Ardmere Pumps plc reported a revenue of 4,200 million dollars.",
            "The board has approved a dividend of 12 pence for each share.",
            "Revenue of the Marine division rose by 8 percent, to 310 million.",
        ] {
            let found = judge(claim);
            assert_eq!(found.verdict, Verdict::Supported, "{claim}: {found:?}");
        }
    }

    #[test]
    fn a_changed_number_date_name_or_sign_is_never_supported() {
        for claim in [
            "Ardmere Pumps plc reported revenue of $4.3 billion for the year ended 31 March 2023.",
            "Ardmere Pumps plc reported revenue of $4.2 million for the year ended 31 March 2023.",
            "Ardmere Pumps plc reported revenue of $4.2 billion for the year ended 31 March 2021.",
            "Ardmere Pumps plc reported revenue of $4.2 billion for the year ended 31 May 2023.",
            "Ardmere Pumps plc reported revenue of $4.2 billion for the year ended 30 March 2023.",
            // The number is in the evidence, but not there.
            "Ardmere Pumps plc reported revenue of $310 million for the year ended 31 March 2023.",
            "Ardmere Pumps plc reported revenue of $4.2 billion for the year ended 31 March 2022.",
            "The board approved a dividend of 21 pence per share.",
            "The board approved a dividend of 12% per share.",
            "The board did not approve a dividend of 12 pence per share.",
            "The board never approved a dividend of 12 pence per share.",
            "The board rejected a dividend of 12 pence per share.",
            "Helen Carter, the chief executive, said that the Leeds plant will close in June.",
            "Tom Baker, the chief executive, said that the Leeds plant will close in June.",
            "Helen Marsh, the chief executive, said that the Bristol plant will close in June.",
            "Helen Marsh, the chief executive, said that the Leeds plant will close in July.",
            "Helen Marsh, the chief executive, said that the Leeds plant will not close in June.",
            "The covenant was tested by Northway Bank and was breached.",
            "The covenant was tested by Westgate Bank and was not breached.",
            "Revenue of the Marine division fell by 8% to 310 million.",
            "Revenue of the Marine division rose by 8% to 310 billion.",
        ] {
            let found = judge(claim);
            assert_ne!(found.verdict, Verdict::Supported, "{claim}: {found:?}");
            assert!(found.score <= 0.5, "{claim}: {found:?}");
        }
    }

    #[test]
    fn what_differs_in_one_place_is_contradicted() {
        for claim in [
            "The board approved a dividend of 21 pence per share.",
            "The board did not approve a dividend of 12 pence per share.",
            "Revenue of the Marine division fell by 8% to 310 million.",
            "The covenant was tested by Northway Bank and was breached.",
        ] {
            assert_eq!(judge(claim).verdict, Verdict::Contradicted, "{claim}");
        }
    }

    #[test]
    fn what_the_evidence_does_not_speak_of_is_unsupported() {
        for claim in ["Photosynthesis takes place in the leaves of green plants.", "Whales sing."] {
            assert_eq!(judge(claim).verdict, Verdict::Unsupported, "{claim}");
        }
        assert_eq!(judge("It is so.").verdict, Verdict::Unchecked);
        let nothing = check(&Text::new("Whales sing."), &Evidence::new(&[]), VerdictModel::shipped());
        assert_eq!((nothing.verdict, nothing.score), (Verdict::Unsupported, 0.0));
    }

    #[test]
    fn the_shipped_coefficients_point_the_right_way() {
        let model = VerdictModel::shipped();
        let place = |name: &str| FEATURES.iter().position(|feature| *feature == name).unwrap();
        for (scale, width) in [(&model.words, WORDS), (&model.vectors, VECTORS), (&model.read, READ)] {
            let weights = &scale.odds.weights;
            assert_eq!(weights.len(), width);
            for contrary in ["number", "period", "negation", "opposite", "modality", "name"] {
                assert!(weights[place(contrary)] < 0.0, "{contrary}");
            }
            assert!((0.2..0.9).contains(&scale.supported_min));
        }
        assert!(model.read.odds.weights[place("entails")] > 0.0);
    }
}
