//! A claim and its evidence to a verdict with method, score and place; pure, and knows no model but the coefficients it is given.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::conflict::{Conflict, conflict};
use super::evidence::{Evidence, Text};
use super::features::{FEATURES, Features};
use super::logistic::Logistic;
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
    /// Name and version of the method: `verbatim/1`, `lexical+maxsim/1` or, without token vectors, `lexical/1`.
    pub method: String,
    /// Probability that the evidence supports the whole claim, 0 to 1, as calibrated on the data named in the model.
    pub score: f32,
    /// The sentences that bear it out or contradict it, the most telling first.
    pub evidence: Vec<EvidenceSpan>,
}

/// From this score on a claim is supported: more likely than not.
/// WiCE dev, cross-validated: see `verdict_model.toml` for precision and recall there.
pub const SUPPORTED_MIN: f32 = 0.5;
/// From this score on a claim is partly borne out; below, WiCE dev has hardly a supported claim left.
pub const PARTIAL_MIN: f32 = 0.2;
/// A claim at odds with a sentence that is otherwise nearly the same scores no more than this.
pub const CONFLICT_SCORE_MAX: f32 = 0.1;
/// Sentences compared closely for each claim.
pub const NEAR_MAX: usize = 8;

/// The coefficients, as fitted by `ibid eval claims --fit`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VerdictModel {
    /// The names of the features that the weights belong to, in order.
    pub features: Vec<String>,
    /// Over all features.
    pub maxsim: Logistic,
    /// Over all but the last, for when there are no token vectors.
    pub lexical: Logistic,
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
            assert_eq!(model.features, FEATURES, "the shipped model is for these features");
            model
        });
        &SHIPPED
    }

    /// The probability of support, and the method that gave it.
    #[must_use]
    pub fn score(&self, features: &Features) -> (f32, &'static str) {
        let values = features.values();
        let full = features.maxsim.is_some();
        let (model, method) = if full { (&self.maxsim, "lexical+maxsim/1") } else { (&self.lexical, "lexical/1") };
        (model.predict(&values) as f32, method)
    }
}

/// Checks one claim against the evidence.
///
/// Sentences that say the same word for word decide alone. Else the score does, within what the rules allow: a claim with a
/// number or date that no evidence has, or at odds with a sentence that is otherwise nearly the same, is never supported.
/// Token vectors of the claim and of the near sentences ([`Evidence::shortlist`] with [`NEAR_MAX`]) sharpen the score.
#[must_use]
pub fn check(claim: &Text, evidence: &Evidence, model: &VerdictModel) -> Checked {
    let assessed = Assessment::new(claim, evidence);
    let (verdict, score) = assessed.verdict(model);
    let method = match &assessed {
        Assessment::Wordless => "none",
        Assessment::Verbatim(_) => "verbatim/1",
        Assessment::Measured { features, .. } => model.score(features).1,
    };
    let places = match &assessed {
        Assessment::Wordless => vec![],
        Assessment::Verbatim(place) => vec![*place],
        Assessment::Measured { features, .. } => {
            let sentences = features.sentences.iter().map(|&at| &evidence.sentences[at]);
            sentences.map(|sentence| EvidenceSpan { index: sentence.index, span: sentence.span }).collect()
        }
    };
    Checked { verdict, method: method.into(), score, evidence: places }
}

/// All that the verdict on a claim follows from, apart from the coefficients.
#[derive(Debug, Clone)]
pub(crate) enum Assessment {
    /// The claim has no word with content.
    Wordless,
    /// The claim stands there word for word.
    Verbatim(EvidenceSpan),
    /// The claim was compared.
    Measured {
        /// What it has in common with the evidence.
        features: Features,
        /// What a sentence that is nearly the same says differently.
        at_odds: Option<Conflict>,
        /// No sentence shares a word with it.
        nothing_near: bool,
    },
}

impl Assessment {
    pub(crate) fn new(claim: &Text, evidence: &Evidence) -> Self {
        if !claim.words.iter().any(|word| !word.stop) {
            return Self::Wordless;
        }
        if let Some(place) = verbatim::find(&claim.text, evidence) {
            return Self::Verbatim(place);
        }
        let near = evidence.shortlist(claim, NEAR_MAX);
        let at_odds = conflict(claim, near.iter().map(|&at| &evidence.sentences[at].text), &evidence.idf);
        Self::Measured { features: Features::measure(claim, evidence, &near), at_odds, nothing_near: near.is_empty() }
    }

    /// The verdict and the probability of support.
    pub(crate) fn verdict(&self, model: &VerdictModel) -> (Verdict, f32) {
        match self {
            Self::Wordless => (Verdict::Unchecked, 0.0),
            Self::Verbatim(_) => (Verdict::Supported, 1.0),
            Self::Measured { features, at_odds, nothing_near } => {
                decide(model.score(features).0, features, *at_odds, *nothing_near)
            }
        }
    }
}

fn decide(score: f32, features: &Features, at_odds: Option<Conflict>, nothing_near: bool) -> (Verdict, f32) {
    if nothing_near {
        return (Verdict::Unsupported, 0.0);
    }
    let graded = |highest: Verdict| match score {
        score if score >= SUPPORTED_MIN => highest,
        score if score >= PARTIAL_MIN => Verdict::Partial,
        _ => Verdict::Unsupported,
    };
    match at_odds {
        // Elsewhere in the evidence the number occurs, so the near sentence may be about something else.
        Some(Conflict::Quantity) if features.quantities_missing == 0.0 => (Verdict::Partial, score.min(SUPPORTED_MIN)),
        Some(Conflict::Quantity | Conflict::Negation | Conflict::Opposite) => {
            (Verdict::Contradicted, score.min(CONFLICT_SCORE_MAX))
        }
        Some(Conflict::Name) => (graded(Verdict::Partial), score.min(SUPPORTED_MIN)),
        None if features.quantities_missing > 0.0 => (graded(Verdict::Partial), score.min(SUPPORTED_MIN)),
        None => (graded(Verdict::Supported), score),
    }
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
            assert!(found.score <= SUPPORTED_MIN, "{claim}: {found:?}");
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
        for weights in [&model.maxsim.weights, &model.lexical.weights] {
            assert!(weights[0] > 0.0 && weights[1] < 0.0 && weights[2] < 0.0);
        }
        assert_eq!((model.maxsim.weights.len(), model.lexical.weights.len()), (FEATURES.len(), FEATURES.len() - 1));
    }
}
